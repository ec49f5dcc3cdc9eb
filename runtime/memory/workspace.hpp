// Workspace: scratch memory of one device, for the time of one kernel call. Reserved ahead for what is planned; beyond
// that it grows to the largest need and stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/memory/memory_source.hpp"

namespace dsrun {

class Workspace {
 public:
  // `counted` hears each change of the bytes held (+ grown, − released), so that memory reports include scratch.
  explicit Workspace(std::function<void(std::ptrdiff_t)> counted = {}, const MemorySource& source = host_memory());
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // Bytes that take(num_bytes) uses up.
  static std::int64_t rounded(std::int64_t num_bytes);
  void reserve(std::int64_t num_bytes);  // precondition: nothing is taken
  // Bytes held elsewhere for kernels' sake, such as prepared products: counted with scratch. Negative: let go.
  void count_elsewhere(std::ptrdiff_t change);

  // 64-byte aligned; valid until the enclosing Scope ends.
  void* take(std::size_t num_bytes);
  template <class T>
  T* take_array(std::size_t count) {
    return static_cast<T*>(take(count * sizeof(T)));
  }
  std::size_t bytes_held() const { return held_; }
  std::size_t peak_bytes() const { return peak_; }  // the most that was ever taken at once

  // Everything taken after construction is given back at destruction. Scopes nest.
  class Scope {
   public:
    explicit Scope(Workspace& workspace);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Workspace& workspace_;
    std::size_t block_;
    std::size_t used_;
    std::size_t taken_;
  };

 private:
  struct Block {
    char* data;
    std::size_t size;
  };
  void add_block(std::size_t num_bytes);
  void release_all();

  std::function<void(std::ptrdiff_t)> counted_;
  const MemorySource& source_;
  std::vector<Block> blocks_;  // stable addresses: growing adds a block
  std::size_t block_ = 0;      // the block now filled
  std::size_t used_ = 0;       // bytes of it
  std::size_t taken_ = 0;      // bytes taken and not given back
  std::size_t peak_ = 0;       // the most that ever was
  std::size_t held_ = 0;
};

}  // namespace dsrun
