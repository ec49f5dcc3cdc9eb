// Examines this host: what it is, has and allows. It reads /proc, /sys and the files that it is asked about, and leaves
// nothing behind. It may take long where a folder lies on a network that does not answer.
#pragma once

#include "actors/core/doctor_values.hpp"

namespace dsrun {

HostReport examine_host(const Examine& asked);

// Whether a file is there, and how long it is.
FileReport examine_file(const std::string& path);

// A file of a random name in `folder`, by which other hosts check whether they see the same folder. The destructor
// removes it.
class FolderMark {
 public:
  explicit FolderMark(const std::string& folder);
  ~FolderMark();
  FolderMark(const FolderMark&) = delete;
  FolderMark& operator=(const FolderMark&) = delete;
  const std::string& name() const { return name_; }  // "": the file could not be written
  const std::string& path() const { return path_; }
  const std::string& text() const { return text_; }

 private:
  std::string name_, path_, text_;
};

// `folder`, or the nearest folder above it that exists.
std::string existing_part(const std::string& folder);

}  // namespace dsrun
