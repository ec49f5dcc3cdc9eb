// Arena: one address range from which a device's activations and messages are cut, best fit first, neighbours joined
// again when freed. Pages come from the system when they are first touched and stay, so that a steady step asks for
// none and the process grows by little more than what is live at the peak.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace dsrun {

class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size` is a multiple of 64; 64-byte aligned. Throws std::bad_alloc. Thread-safe.
  char* allocate(std::size_t size);
  void free(char* data, std::size_t size);
  std::size_t extent() const { return extent_; }  // bytes from the start that were ever used

 private:
  using Hole = std::pair<std::size_t, std::size_t>;  // size, offset
  void add_hole(std::size_t offset, std::size_t size);

  mutable std::mutex mutex_;
  char* base_ = nullptr;
  std::size_t reserved_ = 0;
  std::size_t extent_ = 0;                    // everything from here on is untouched
  std::map<std::size_t, std::size_t> holes_;  // offset → size, below extent_, never two side by side
  std::set<Hole> by_size_;
};

}  // namespace dsrun
