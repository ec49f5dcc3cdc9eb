// MappedArena: another process's Arena, seen from this one. Both see the same pages.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/memory/arena.hpp"

namespace dsrun {

class MappedArena {
 public:
  // Null where this process cannot look into that one: another user, another namespace of processes, no /proc, too few
  // addresses; or where the arena is gone.
  static std::shared_ptr<MappedArena> open(const ArenaSource& source);
  ~MappedArena();
  MappedArena(const MappedArena&) = delete;
  MappedArena& operator=(const MappedArena&) = delete;

  char* at(std::size_t offset, std::size_t num_bytes) const;  // null where that is not inside

 private:
  MappedArena(char* base, std::size_t size) : base_(base), size_(size) {}
  char* base_;
  std::size_t size_;
};

}  // namespace dsrun
