// A folder that appears whole or not at all: files are written beside it and renamed last.
#pragma once

#include <string>
#include <vector>

namespace dsrun {

class StagedFolder {
 public:
  // Makes an empty folder beside `target`; what an earlier try left there is replaced. Throws StorageError where the
  // target holds one of `names` already or cannot be made.
  StagedFolder(const std::string& target, const std::vector<std::string>& names);
  ~StagedFolder();  // removes what was not committed
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::string& path() const { return stage_; }
  void write(const std::string& name, const std::string& content) const;  // throws StorageError
  // Gives the folder its name. A target that is there already gets the files one by one, those of `last` at the end.
  void commit(const std::vector<std::string>& last);  // throws StorageError

 private:
  void move_files(const std::vector<std::string>& last) const;

  std::string target_;
  std::string stage_;
};

}  // namespace dsrun
