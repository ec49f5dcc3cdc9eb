#include "runtime/memory.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <fstream>
#include <limits>
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
  std::shared_ptr<MemoryPool> pool;  // whom it counts for
  MemoryClass memory_class;
  std::shared_ptr<Arena> arena;  // where it was cut from; null: a block of its own
  char* data;
  std::size_t size;
  ~Block() {
    pool->count(memory_class, -static_cast<std::ptrdiff_t>(size));
    if (arena)
      arena->free(data, size);
    else
      std::free(data);
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
  block_->pool->count(block_->memory_class, -static_cast<std::ptrdiff_t>(block_->size));
  block_->pool = pool;
  block_->memory_class = memory_class;
  pool->count(memory_class, static_cast<std::ptrdiff_t>(block_->size));
}

std::shared_ptr<MemoryPool> MemoryPool::make() { return std::shared_ptr<MemoryPool>(new MemoryPool()); }

Buffer MemoryPool::allocate(std::size_t num_bytes, MemoryClass memory_class) {
  const std::size_t size = rounded(std::max<std::size_t>(num_bytes, 1));
  const bool lasting = memory_class <= MemoryClass::optimizer;
  char* data = lasting ? static_cast<char*>(std::aligned_alloc(alignment, size)) : arena_->allocate(size);
  if (data == nullptr) throw std::bad_alloc();
  count(memory_class, static_cast<std::ptrdiff_t>(size));
  Buffer buffer;
  buffer.block_ =
      std::make_shared<Buffer::Block>(shared_from_this(), memory_class, lasting ? nullptr : arena_, data, size);
  buffer.data_ = data;
  buffer.size_ = num_bytes;
  return buffer;
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

std::int64_t available_memory_bytes() {
  std::int64_t bytes = std::numeric_limits<std::int64_t>::max();
  std::ifstream machine("/proc/meminfo");
  for (std::string name; machine >> name;) {
    std::int64_t kibibytes = 0;
    if (name == "MemAvailable:" && machine >> kibibytes) bytes = kibibytes * 1024;
  }
  std::int64_t limit = 0, used = 0;  // "max" where there is no limit does not read as a number
  std::ifstream group_limit("/sys/fs/cgroup/memory.max"), group_use("/sys/fs/cgroup/memory.stat");
  std::string name;
  if (group_limit >> limit && group_use >> name >> used && name == "anon") bytes = std::min(bytes, limit - used);
  return bytes;
}

}  // namespace dsrun
