// MemorySource: where a device's memory comes from, before Arena, MemoryPool and Workspace cut it up.
#pragma once

#include <cstddef>

namespace dsrun {

struct MemorySource {
  // 64-byte aligned; null if there is none left. `release` takes the block's size back with it.
  char* (*allocate)(std::size_t num_bytes);
  void (*release)(char* data, std::size_t num_bytes);
  // A range of addresses, which may get its memory when it is first touched; null if it is too large.
  char* (*reserve)(std::size_t num_bytes);
  void (*unreserve)(char* data, std::size_t num_bytes);
};

// This process's own memory.
const MemorySource& host_memory();

// From now on what this process frees serves its next allocations, instead of going back to the system and being mapped
// anew, page by page. For processes that allocate the same sizes at every step.
void keep_freed_memory();

}  // namespace dsrun
