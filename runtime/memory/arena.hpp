// Arena: one address range from which a device's activations and messages are cut, best fit first, neighbours joined
// again when freed. Pages come from the system when they are first touched, and stay. So a steady step asks for no
// pages, and the process grows by little more than the peak of live bytes.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "runtime/memory/memory_source.hpp"

namespace dsrun {

// Who can be shown what lies in an arena: this process alone, or others of the machine as well (MappedArena).
enum class Reach : std::uint8_t { process, machine };

// Where other processes find an arena: a file without a name in the file system, which ends with its last user.
struct ArenaSource {
  std::int32_t pid = 0;
  std::int32_t descriptor = 0;
  std::uint64_t nonce = 0;  // tells it from whatever else may come to have that descriptor
  std::uint64_t num_bytes = 0;
  auto operator<=>(const ArenaSource&) const = default;
};
std::string arena_name(std::uint64_t nonce);

class Arena {
 public:
  // Its addresses come from `source`, or with Reach::machine from a file that others can map. Throws std::bad_alloc.
  explicit Arena(Reach reach = Reach::process, const MemorySource& source = host_memory());
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size` is a multiple of 64; 64-byte aligned. Throws std::bad_alloc. Thread-safe.
  char* allocate(std::size_t size);
  void free(char* data, std::size_t size);
  std::size_t extent() const { return extent_; }                        // bytes from the start that were ever used
  const std::optional<ArenaSource>& source() const { return source_; }  // of one whose reach is the machine
  std::size_t offset(const char* data) const { return static_cast<std::size_t>(data - base_); }

 private:
  using Hole = std::pair<std::size_t, std::size_t>;  // size, offset
  bool reserve(std::size_t size);
  void add_hole(std::size_t offset, std::size_t size);

  const MemorySource& memory_;
  mutable std::mutex mutex_;
  std::optional<ArenaSource> source_;
  char* base_ = nullptr;
  std::size_t reserved_ = 0;
  std::size_t extent_ = 0;                    // everything from here on is untouched
  std::map<std::size_t, std::size_t> holes_;  // offset → size, below extent_, never two side by side
  std::set<Hole> by_size_;
};

}  // namespace dsrun
