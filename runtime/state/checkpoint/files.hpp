// Writes files so that they survive a crash: whole, synced, and renamed into place.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/state/checkpoint/file_system.hpp"

namespace dsrun {

struct Bytes {
  const void* data;
  std::size_t size;
};

// Writes all parts one after the other and syncs the file. Throws StorageError.
void write_synced(const std::string& path, std::span<const Bytes> parts, FileSystem& files = machine_files());
void sync_folder(const std::string& path);
// Reads bytes [offset, offset + size) of a file; throws StorageError if the file is shorter.
void read_exactly(const std::string& path, std::uint64_t offset, void* out, std::size_t size,
                  FileSystem& files = machine_files());
std::uint64_t hash_bytes(const void* data, std::size_t size);  // XXH3, 64 bits

}  // namespace dsrun
