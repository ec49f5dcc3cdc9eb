#include "runtime/state/checkpoint/files.hpp"

#include <fmt/format.h>
// A false alarm of g++ 12 inside its own AVX-512 intrinsics, which start from an undefined register.
#pragma GCC diagnostic ignored "-Wuninitialized"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dsrun {

void write_synced(const std::string& path, std::span<const Bytes> parts, FileSystem& files) {
  const std::unique_ptr<FileSystem::Output> file = files.create(path);
  for (const Bytes& part : parts) {
    const char* data = static_cast<const char*>(part.data);
    for (std::size_t left = part.size; left > 0;) {
      const std::size_t written = file->write(data, left);
      data += written;
      left -= written;
    }
  }
  file->sync();
}

void sync_folder(const std::string& path) { machine_files().sync_folder(path); }

void read_exactly(const std::string& path, std::uint64_t offset, void* out, std::size_t size, FileSystem& files) {
  char* to = static_cast<char*>(out);
  while (size > 0) {
    const std::size_t got = files.read(path, offset, to, size);
    if (got == 0) throw StorageError(fmt::format("{}: the file is cut short", path));
    to += got;
    offset += got;
    size -= got;
  }
}

std::uint64_t hash_bytes(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

}  // namespace dsrun
