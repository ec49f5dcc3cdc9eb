// A run's folder: what is in it, whether this job may use it, and its making. One job at a time, by a lock.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "actors/state_files.hpp"
#include "dsrun/exit_codes.hpp"

namespace dsrun {

struct FolderFlags {
  bool resume = false;   // continue although the job has changed, or from the first step if there is no checkpoint
  bool restart = false;  // move the old run away
};

struct Refusal {
  ExitCode exit_code;
  std::string message;
};

// What happens to the folder.
struct FolderPlan {
  std::string path;
  bool move_away = false;
  std::optional<SavedState> from;  // the checkpoint to continue from
  std::vector<std::string> notes;  // for a person
};

// Reads and decides, and changes nothing. `text`: fingerprint of the training data.
std::variant<FolderPlan, Refusal> plan_run_folder(const std::string& path, const Job& job, std::uint64_t text,
                                                  FolderFlags flags);

// Makes the folder as planned, locked until this is destroyed: job.toml is written, and lines that a resumed run will
// write again are dropped. Throws StorageError.
class RunFolder {
 public:
  RunFolder(const FolderPlan& plan, const Job& job);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& moved_to() const { return moved_to_; }  // where the old run lies now; "": nowhere

 private:
  void lock();
  void write(Job job) const;

  std::string path_;
  std::string moved_to_;
  int lock_ = -1;
};

}  // namespace dsrun
