#include "runtime/transport/ucx/orphaned_segments.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace dsrun {
namespace {

namespace fs = std::filesystem;

using FileId = std::pair<dev_t, ino_t>;

bool before(const timespec& a, const timespec& b) {
  return std::pair(a.tv_sec, a.tv_nsec) < std::pair(b.tv_sec, b.tv_nsec);
}

// Takes out of `files` those that `process` has open.
void take_out_open_ones(const fs::path& process, std::map<FileId, fs::path>& files) {
  std::error_code unreadable;
  for (fs::directory_iterator each(process / "fd", unreadable), end; !unreadable && each != end;
       each.increment(unreadable)) {
    struct stat file {};
    if (stat(each->path().c_str(), &file) == 0) files.erase({file.st_dev, file.st_ino});
  }
}

bool is_process(const fs::path& path) {
  const std::string name = path.filename();
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

// Files' times are of the coarse clock.
OrphanedSegments::OrphanedSegments(std::string folder) : folder_(std::move(folder)) {
  clock_gettime(CLOCK_REALTIME_COARSE, &since_);
}

int OrphanedSegments::remove() const {
  std::map<FileId, fs::path> orphans;
  std::error_code unreadable;
  for (fs::directory_iterator each(folder_, unreadable), end; !unreadable && each != end; each.increment(unreadable)) {
    struct stat file {};
    if (!each->path().filename().string().starts_with("ucx_shm_posix_") || stat(each->path().c_str(), &file) != 0)
      continue;
    if (file.st_uid == geteuid() && !before(file.st_mtim, since_)) orphans[{file.st_dev, file.st_ino}] = each->path();
  }
  if (orphans.empty()) return 0;
  for (fs::directory_iterator each("/proc", unreadable), end; !unreadable && each != end; each.increment(unreadable))
    if (is_process(each->path())) take_out_open_ones(each->path(), orphans);
  int num_removed = 0;
  for (const auto& [id, path] : orphans) num_removed += fs::remove(path, unreadable) ? 1 : 0;
  return num_removed;
}

}  // namespace dsrun
