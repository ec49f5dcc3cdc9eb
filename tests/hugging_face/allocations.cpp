#include "tests/hugging_face/allocations.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> live = 0;
std::atomic<std::size_t> most = 0;

void* count_in(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t now = live += malloc_usable_size(memory);
  std::size_t seen = most;
  while (seen < now && !most.compare_exchange_weak(seen, now)) {
  }
  return memory;
}

void count_out(void* memory) {
  if (memory != nullptr) live -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return count_in(std::malloc(std::max<std::size_t>(size, 1))); }
void* operator new[](std::size_t size) { return count_in(std::malloc(std::max<std::size_t>(size, 1))); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return operator new(size, std::nothrow); }
void operator delete(void* memory) noexcept { count_out(memory); }
void operator delete[](void* memory) noexcept { count_out(memory); }
void operator delete(void* memory, std::size_t) noexcept { count_out(memory); }
void operator delete[](void* memory, std::size_t) noexcept { count_out(memory); }

namespace dsrun::test {

std::size_t start_counting_allocations() {
  const std::size_t start = live;
  most = start;
  return start;
}

std::size_t most_allocated_since(std::size_t start) { return most - start; }

}  // namespace dsrun::test
