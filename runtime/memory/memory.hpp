// Memory of one device: reference-counted buffers from a pool that counts what is live, by class.
//
// The counters know nothing of the plan: they move at allocate, charge and release alone, so that planned and measured
// bytes are independent (M-1). State that lives as long as the device has blocks of its own, but where others of the
// machine look at it too; all else is cut from the device's Arena.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "runtime/memory/arena.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

enum class MemoryClass : std::uint8_t {
  weights,    // in the compute type
  gradients,  // accumulators
  optimizer,  // master weights, moments and averages of the owned shards
  saved,      // activations kept from forward to backward
  working,    // other values of T rows
  routed,     // values of R rows, which depend on routing
  messages,   // sent or received, not yet used
  scratch,    // inside a kernel call
};
inline constexpr std::size_t cache_line_bytes = 64;  // buffers and scratch are aligned to it; also the widest vector
inline constexpr std::size_t num_memory_classes = num_enumerators<MemoryClass>();
std::string_view memory_class_name(MemoryClass memory_class);

struct MemoryUse {
  std::array<std::int64_t, num_memory_classes> live{};
  std::array<std::int64_t, num_memory_classes> peak{};
  std::int64_t live_total = 0;
  std::int64_t peak_total = 0;
  std::int64_t peak_of(MemoryClass memory_class) const { return peak[static_cast<std::size_t>(memory_class)]; }
};

class MemoryPool;

// Where a buffer lies that other processes of the machine can look at.
struct SharedPlace {
  ArenaSource source;
  std::uint64_t offset;
};

// A share of a block, or of a part of a block. Copies share; the last one gives the block back, on whatever thread.
class Buffer {
 public:
  Buffer() = default;
  char* data() const { return data_; }
  std::size_t size() const { return size_; }
  explicit operator bool() const { return block_ != nullptr; }
  bool is_shared() const { return block_.use_count() > 1; }
  Buffer part(std::size_t first, std::size_t num_bytes) const;
  std::optional<SharedPlace> shared_place() const;  // nothing: this process alone sees it
  // From now on these bytes count as `memory_class` of `pool`: how a received buffer changes owner.
  void charge(const std::shared_ptr<MemoryPool>& pool, MemoryClass memory_class);

 private:
  friend class MemoryPool;
  struct Block;
  std::shared_ptr<Block> block_;
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  // With Reach::machine all that it allocates can be shown to other processes. `source` outlives the pool's buffers.
  static std::shared_ptr<MemoryPool> make(Reach reach = Reach::process, const MemorySource& source = host_memory());

  // 64-byte aligned, not initialised.
  Buffer allocate(std::size_t num_bytes, MemoryClass memory_class);
  // Memory of somebody else's, counted here; its last share lets go of `lender`, which is not null.
  Buffer borrow(char* data, std::size_t num_bytes, MemoryClass memory_class, std::shared_ptr<void> lender);
  void count(MemoryClass memory_class, std::ptrdiff_t change);  // memory held elsewhere, such as a Workspace's
  MemoryUse use() const;
  void restart_peaks();

 private:
  friend class Buffer;
  MemoryPool(Reach reach, const MemorySource& source)
      : source_(source), arena_(std::make_shared<Arena>(reach, source)) {}

  Buffer counted(std::shared_ptr<Buffer::Block> block, std::size_t num_bytes);

  mutable std::mutex mutex_;
  MemoryUse use_;
  const MemorySource& source_;
  std::shared_ptr<Arena> arena_;
};

// Bytes that this process may still come to use: free and reclaimable memory, or what its control group grants.
std::int64_t available_memory_bytes();

// Resident anonymous memory of this process, in bytes, as the kernel counts it.
std::int64_t anonymous_resident_bytes();

}  // namespace dsrun
