// Collective operations of a group of processes over a UcxWorker, on the worker's thread and without blocking. Start
// one, then progress worker and group in turn until progress() returns true.
//
// All members start the same operations in the same order, one at a time in a group. The plan
// (runtime/transport/collectives/collective_plan.hpp) follows from sizes, ranks and link alone, so sums have the same
// bits in every run. The caller's buffers must stay in place until the operation is over; after a failure, until the
// worker is closed. A failed group cannot be used again. The worker outlives its groups.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/memory/tensor.hpp"
#include "runtime/transport/collectives/collective_plan.hpp"
#include "runtime/transport/ucx/ucx_worker.hpp"

namespace dsrun {

struct GroupOptions {
  std::vector<int> members;   // ranks of the worker, this one included, in the order of sums
  std::uint32_t channel = 0;  // distinguishes groups: the same on all members; no two groups of a pair share one
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);  // of each operation
  GroupLink link = GroupLink::shared_memory;
  std::optional<Algorithm> algorithm;  // instead of choose_algorithm()'s; for tests and benches
  std::size_t chunk = 0;               // bytes, a multiple of 64, instead of chunk_bytes()'s
};

class CollectiveGroup {
 public:
  CollectiveGroup(UcxWorker& worker, GroupOptions options);
  ~CollectiveGroup();
  CollectiveGroup(const CollectiveGroup&) = delete;
  CollectiveGroup& operator=(const CollectiveGroup&) = delete;
  int rank() const { return shape_.rank; }  // in the group
  int num_ranks() const { return shape_.num_ranks; }

  void start_barrier();
  // `bytes[r]`: size of member r's part. `all` gets the parts one after the other; `own` may lie in `all`, at its
  // place.
  void start_all_gather(std::span<const std::byte> own, std::span<const std::size_t> bytes, std::span<std::byte> all);
  // `bytes[r]`: size of the part of the sum that member r gets, whole elements. `vector` has the parts one after the
  // other.
  void start_reduce_scatter(Dtype dtype, std::span<const std::byte> vector, std::span<const std::size_t> bytes,
                            std::span<std::byte> own);
  void start_all_reduce(Dtype dtype, std::span<std::byte> vector);  // in place
  // `sent` has the parts by destination, one after the other; `received` gets the parts by source.
  void start_all_to_all_v(std::span<const std::byte> sent, std::span<const std::size_t> sent_bytes,
                          std::span<std::byte> received, std::span<const std::size_t> received_bytes);

  // Does what can be done. True: the operation is over, or has failed. The caller progresses the worker in between.
  bool progress();
  bool has_failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }   // names the operation and the ranks missing
  Algorithm algorithm() const { return shape_.algorithm; }  // of the last operation

 private:
  enum class State : std::uint8_t { waiting, under_way, done };

  void start(Collective collective, std::size_t num_bytes, Dtype dtype);
  void plan(std::size_t piece_bytes);
  std::size_t window_end() const;
  bool advance();
  bool is_ready(const Action& action) const;
  void begin(std::size_t index);
  void add(const Action& action);
  int peer_of(const Action& action) const;  // a rank of the worker
  void look_for_trouble();
  void fail(const std::string& what);
  std::byte* at(Spot spot) const;

  UcxWorker& worker_;
  const GroupOptions options_;
  const bool is_crowded_;  // more ranks than cores
  CollectiveShape shape_;
  Dtype dtype_ = Dtype::f32;
  CollectivePlan plan_;
  std::vector<State> states_;
  std::size_t first_ = 0;  // all actions before it are done
  std::unique_ptr<Transfer[]> transfers_;
  std::size_t num_transfers_ = 0;
  std::vector<const std::byte*> sources_;
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte[], Free> scratch_;
  std::size_t scratch_bytes_ = 0;
  const std::byte* input_ = nullptr;
  std::byte* output_ = nullptr;
  std::size_t num_bytes_ = 0;
  std::uint64_t operation_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  std::string failure_;
};

}  // namespace dsrun
