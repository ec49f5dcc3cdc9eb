#include "runtime/arena.hpp"

#include <iterator>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace dsrun {

// Reserves addresses, not memory: as many as the machine has bytes, which nobody can use up. Where the system limits
// addresses it takes what it gets.
Arena::Arena() {
  const auto physical =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t size = physical; size >= std::size_t{1} << 26; size /= 2) {
    void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) continue;
    base_ = static_cast<char*>(base);
    reserved_ = size;
    return;
  }
  throw std::bad_alloc();
}

Arena::~Arena() { munmap(base_, reserved_); }

char* Arena::allocate(std::size_t size) {
  const std::lock_guard lock(mutex_);
  const auto fit = by_size_.lower_bound({size, 0});
  if (fit == by_size_.end()) {
    if (size > reserved_ - extent_) throw std::bad_alloc();
    // A hole at the end grows into the allocation.
    std::size_t offset = extent_;
    if (!holes_.empty()) {
      const auto last = std::prev(holes_.end());
      if (last->first + last->second == extent_) {
        offset = last->first;
        by_size_.erase({last->second, last->first});
        holes_.erase(last);
      }
    }
    if (size > reserved_ - offset) throw std::bad_alloc();
    extent_ = offset + size;
    return base_ + offset;
  }
  const auto [hole_size, offset] = *fit;
  by_size_.erase(fit);
  holes_.erase(offset);
  if (hole_size > size) add_hole(offset + size, hole_size - size);
  return base_ + offset;
}

void Arena::free(char* data, std::size_t size) {
  const std::lock_guard lock(mutex_);
  auto offset = static_cast<std::size_t>(data - base_);
  const auto after = holes_.lower_bound(offset);
  if (after != holes_.end() && offset + size == after->first) {
    size += after->second;
    by_size_.erase({after->second, after->first});
    holes_.erase(after);
  }
  const auto next = holes_.lower_bound(offset);
  if (next != holes_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      by_size_.erase({before->second, before->first});
      holes_.erase(before);
    }
  }
  add_hole(offset, size);
}

void Arena::add_hole(std::size_t offset, std::size_t size) {
  holes_[offset] = size;
  by_size_.insert({size, offset});
}

}  // namespace dsrun
