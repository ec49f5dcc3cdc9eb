#include "runtime/memory.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>

namespace dsrun {
namespace {

constexpr std::size_t alignment = 64;
std::size_t rounded(std::size_t num_bytes) { return (num_bytes + alignment - 1) / alignment * alignment; }

}  // namespace

std::string_view memory_class_name(MemoryClass memory_class) {
  constexpr std::array<std::string_view, num_memory_classes> names = {"weights", "gradients", "optimizer", "saved",
                                                                      "working", "routed",    "messages",  "scratch"};
  return names[static_cast<std::size_t>(memory_class)];
}

struct Buffer::Block {
  std::shared_ptr<MemoryPool> pool;
  MemoryClass memory_class;
  char* data;
  std::size_t counted;
  std::size_t capacity;
  ~Block() {
    pool->count(memory_class, -static_cast<std::ptrdiff_t>(counted));
    pool->give_back(data, capacity);
  }
};

Buffer Buffer::part(std::size_t first, std::size_t num_bytes) const {
  assert(first + num_bytes <= size_);
  Buffer part = *this;
  part.data_ += first;
  part.size_ = num_bytes;
  return part;
}

void Buffer::charge(const std::shared_ptr<MemoryPool>& pool, MemoryClass memory_class) {
  if (!block_ || (block_->pool == pool && block_->memory_class == memory_class)) return;
  block_->pool->count(block_->memory_class, -static_cast<std::ptrdiff_t>(block_->counted));
  block_->pool = pool;
  block_->memory_class = memory_class;
  pool->count(memory_class, static_cast<std::ptrdiff_t>(block_->counted));
}

std::shared_ptr<MemoryPool> MemoryPool::make() { return std::shared_ptr<MemoryPool>(new MemoryPool()); }

MemoryPool::~MemoryPool() {
  for (auto& [capacity, blocks] : free_)
    for (char* data : blocks) std::free(data);
}

Buffer MemoryPool::allocate(std::size_t num_bytes, MemoryClass memory_class, std::size_t capacity) {
  const std::size_t counted = rounded(std::max<std::size_t>(num_bytes, 1));
  capacity = std::max(counted, rounded(capacity));
  char* data = take(capacity);
  count(memory_class, static_cast<std::ptrdiff_t>(counted));
  Buffer buffer;
  buffer.block_ = std::make_shared<Buffer::Block>(shared_from_this(), memory_class, data, counted, capacity);
  buffer.data_ = data;
  buffer.size_ = num_bytes;
  return buffer;
}

char* MemoryPool::take(std::size_t capacity) {
  {
    const std::lock_guard lock(mutex_);
    auto& blocks = free_[capacity];
    if (!blocks.empty()) {
      char* data = blocks.back();
      blocks.pop_back();
      return data;
    }
  }
  void* data = std::aligned_alloc(alignment, capacity);
  if (data == nullptr) throw std::bad_alloc();
  return static_cast<char*>(data);
}

void MemoryPool::give_back(char* data, std::size_t capacity) {
  const std::lock_guard lock(mutex_);
  free_[capacity].push_back(data);
}

void MemoryPool::count(MemoryClass memory_class, std::ptrdiff_t change) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::size_t>(memory_class);
  use_.live[index] += change;
  use_.live_total += change;
  use_.peak[index] = std::max(use_.peak[index], use_.live[index]);
  use_.peak_total = std::max(use_.peak_total, use_.live_total);
}

MemoryUse MemoryPool::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

void MemoryPool::restart_peaks() {
  const std::lock_guard lock(mutex_);
  use_.peak = use_.live;
  use_.peak_total = use_.live_total;
}

std::int64_t anonymous_resident_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word)
    if (word == "RssAnon:") {
      std::int64_t kib = 0;
      status >> kib;
      return kib * 1024;
    }
  return 0;
}

}  // namespace dsrun
