#include "runtime/memory/memory_source.hpp"

#include <cstdlib>

#include <sys/mman.h>

#include "runtime/memory/memory.hpp"

namespace dsrun {
namespace {

char* allocate_block(std::size_t num_bytes) {
  const std::size_t size = (num_bytes + cache_line_bytes - 1) / cache_line_bytes * cache_line_bytes;
  return static_cast<char*>(std::aligned_alloc(cache_line_bytes, size));
}

void release_block(char* data, std::size_t) { std::free(data); }

char* reserve_range(std::size_t num_bytes) {
  void* base = mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return base == MAP_FAILED ? nullptr : static_cast<char*>(base);
}

void unreserve_range(char* data, std::size_t num_bytes) { munmap(data, num_bytes); }

constexpr MemorySource host = {allocate_block, release_block, reserve_range, unreserve_range};

}  // namespace

const MemorySource& host_memory() { return host; }

}  // namespace dsrun
