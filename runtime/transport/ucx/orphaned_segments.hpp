// Finds segments of shared memory that killed processes leave behind.
//
// UCX 1.13 makes a segment as a file, /dev/shm/ucx_shm_posix_*, and removes its name at once; others reach it through
// /proc. A process that is killed before it removes the name leaves the name and the memory until the host restarts.
#pragma once

#include <ctime>
#include <string>

namespace dsrun {

class OrphanedSegments {
 public:
  // Looks after segments of processes that start from now on.
  explicit OrphanedSegments(std::string folder = "/dev/shm");
  // Removes this user's segments that were made since then and that no process has open. Returns their number; a file
  // or process that cannot be looked at is left alone.
  int remove() const;

 private:
  std::string folder_;
  timespec since_;
};

}  // namespace dsrun
