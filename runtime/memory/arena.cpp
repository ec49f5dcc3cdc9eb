#include "runtime/memory/arena.hpp"

#include <iterator>
#include <new>
#include <random>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

namespace dsrun {

std::string arena_name(std::uint64_t nonce) { return fmt::format("dsrun-{:016x}", nonce); }

// Reserves addresses, not memory: as many as the machine has bytes, which nobody can use up. Where the system limits
// addresses it takes what it gets.
Arena::Arena(Reach reach, const MemorySource& source) : memory_(source) {
  if (reach == Reach::machine) {
    std::random_device random;
    source_ = ArenaSource{getpid(), -1, std::uint64_t{random()} << 32 | random(), 0};
    source_->descriptor = memfd_create(arena_name(source_->nonce).c_str(), MFD_CLOEXEC);
    if (source_->descriptor < 0) source_.reset();  // then it is this process's alone
  }
  const auto physical =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t size = physical; size >= std::size_t{1} << 26; size /= 2)
    if (reserve(size)) return;
  if (source_) close(source_->descriptor);
  throw std::bad_alloc();
}

bool Arena::reserve(std::size_t size) {
  if (source_) {
    if (ftruncate(source_->descriptor, static_cast<off_t>(size)) != 0) return false;
    void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, source_->descriptor, 0);
    base_ = base == MAP_FAILED ? nullptr : static_cast<char*>(base);
    source_->num_bytes = size;
  } else {
    base_ = memory_.reserve(size);
  }
  reserved_ = size;
  return base_ != nullptr;
}

Arena::~Arena() {
  if (source_) {
    munmap(base_, reserved_);
    close(source_->descriptor);
  } else {
    memory_.unreserve(base_, reserved_);
  }
}

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
  std::size_t offset = this->offset(data);
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
