#include "runtime/memory/memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#include "runtime/check.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

std::size_t rounded(std::size_t num_bytes) {
  return (num_bytes + cache_line_bytes - 1) / cache_line_bytes * cache_line_bytes;
}

}  // namespace

std::string_view memory_class_name(MemoryClass memory_class) {
  constexpr EnumNames<MemoryClass, num_memory_classes> names({{MemoryClass::weights, "weights"},
                                                              {MemoryClass::gradients, "gradients"},
                                                              {MemoryClass::optimizer, "optimizer"},
                                                              {MemoryClass::saved, "saved"},
                                                              {MemoryClass::working, "working"},
                                                              {MemoryClass::routed, "routed"},
                                                              {MemoryClass::messages, "messages"},
                                                              {MemoryClass::scratch, "scratch"}});
  return names[memory_class];
}

struct Buffer::Block {
  std::shared_ptr<MemoryPool> pool;  // whom it counts for
  MemoryClass memory_class;
  std::shared_ptr<Arena> arena;  // where it was cut from; null: a block of its own, or the lender's
  const MemorySource* source;    // of a block of its own
  std::shared_ptr<void> lender;
  char* data;
  std::size_t size;
  ~Block() {
    pool->count(memory_class, -static_cast<std::ptrdiff_t>(size));
    if (arena)
      arena->free(data, size);
    else if (!lender)
      source->release(data, size);
  }
};

Buffer Buffer::part(std::size_t first, std::size_t num_bytes) const {
  require(first <= size_ && num_bytes <= size_ - first, "a part of a buffer lies within it");
  Buffer part = *this;
  part.data_ += first;
  part.size_ = num_bytes;
  return part;
}

std::optional<SharedPlace> Buffer::shared_place() const {
  if (!block_ || !block_->arena || !block_->arena->source()) return std::nullopt;
  return SharedPlace{*block_->arena->source(), block_->arena->offset(data_)};
}

void Buffer::charge(const std::shared_ptr<MemoryPool>& pool, MemoryClass memory_class) {
  if (!block_ || (block_->pool == pool && block_->memory_class == memory_class)) return;
  block_->pool->count(block_->memory_class, -static_cast<std::ptrdiff_t>(block_->size));
  block_->pool = pool;
  block_->memory_class = memory_class;
  pool->count(memory_class, static_cast<std::ptrdiff_t>(block_->size));
}

std::shared_ptr<MemoryPool> MemoryPool::make(Reach reach, const MemorySource& source) {
  return std::shared_ptr<MemoryPool>(new MemoryPool(reach, source));
}

Buffer MemoryPool::allocate(std::size_t num_bytes, MemoryClass memory_class) {
  const std::size_t size = rounded(std::max<std::size_t>(num_bytes, 1));
  const bool lasting = memory_class <= MemoryClass::optimizer && !arena_->source();
  char* data = lasting ? source_.allocate(size) : arena_->allocate(size);
  if (data == nullptr) throw std::bad_alloc();
  return counted(std::make_shared<Buffer::Block>(shared_from_this(), memory_class, lasting ? nullptr : arena_, &source_,
                                                 nullptr, data, size),
                 num_bytes);
}

Buffer MemoryPool::borrow(char* data, std::size_t num_bytes, MemoryClass memory_class, std::shared_ptr<void> lender) {
  return counted(std::make_shared<Buffer::Block>(shared_from_this(), memory_class, nullptr, nullptr, std::move(lender),
                                                 data, rounded(num_bytes)),
                 num_bytes);
}

Buffer MemoryPool::counted(std::shared_ptr<Buffer::Block> block, std::size_t num_bytes) {
  count(block->memory_class, static_cast<std::ptrdiff_t>(block->size));
  Buffer buffer;
  buffer.data_ = block->data;
  buffer.size_ = num_bytes;
  buffer.block_ = std::move(block);
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
  std::int64_t limit = 0;  // "max" where there is no limit does not read as a number
  std::ifstream group_limit("/sys/fs/cgroup/memory.max"), group_use("/sys/fs/cgroup/memory.stat");
  if (!(group_limit >> limit)) return bytes;
  std::int64_t used = 0, amount = 0;
  for (std::string name; group_use >> name >> amount;)
    if (name == "anon" || name == "shmem") used += amount;
  bytes = std::min(bytes, limit - used);
  return bytes;
}

}  // namespace dsrun
