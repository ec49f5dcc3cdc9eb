#include "runtime/state/checkpoint/files.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
// A false alarm of g++ 12 inside its own AVX-512 intrinsics, which start from an undefined register.
#pragma GCC diagnostic ignored "-Wuninitialized"
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw StorageError(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0644)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) fail(path_, "cannot open");
  }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(fd_, data, size);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail(path_, "cannot write");
      data += written;
      size -= static_cast<std::size_t>(written);
    }
  }
  void read(std::uint64_t offset, char* out, std::size_t size) {
    while (size > 0) {
      const ssize_t got = pread(fd_, out, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(path_, "cannot read");
      if (got == 0) throw StorageError(fmt::format("{}: the file is cut short", path_));
      out += got;
      offset += static_cast<std::uint64_t>(got);
      size -= static_cast<std::size_t>(got);
    }
  }
  void sync() {
    if (fsync(fd_) != 0) fail(path_, "cannot sync");
  }

 private:
  std::string path_;
  int fd_;
};

}  // namespace

void write_synced(const std::string& path, std::span<const Bytes> parts) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  for (const Bytes& part : parts) file.write(static_cast<const char*>(part.data), part.size);
  file.sync();
}

void sync_folder(const std::string& path) { File(path, O_RDONLY | O_DIRECTORY).sync(); }

void read_exactly(const std::string& path, std::uint64_t offset, void* out, std::size_t size) {
  File(path, O_RDONLY).read(offset, static_cast<char*>(out), size);
}

std::uint64_t hash_bytes(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

}  // namespace dsrun
