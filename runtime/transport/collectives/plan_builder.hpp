// Writes the actions of one rank's part in a collective; for collective_plan.cpp alone.
#pragma once

#include "runtime/transport/collectives/collective_plan.hpp"

namespace dsrun {

class PlanBuilder {
 public:
  PlanBuilder(const CollectiveShape& shape, CollectivePlan& plan);

  void barrier();
  void direct_gather();
  void ring_gather();
  void all_to_all();
  void direct_reduce();
  void doubling();
  void reduce_pieces();  // for reduce-scatter, and for all-reduce with scatter_gather
  void ring_reduce();    // for both as well

 private:
  struct Range {
    std::size_t offset, num_bytes;
  };
  Range piece(int rank) const;                // of the vector
  Range chunk(Range whole, int index) const;  // empty beyond the end
  int num_chunks() const;                     // of the largest piece
  int after(int distance) const { return (shape_.rank + distance) % shape_.num_ranks; }
  int before(int distance) const {
    return (shape_.rank + shape_.num_ranks - distance % shape_.num_ranks) % shape_.num_ranks;
  }
  bool is_all_reduce() const { return shape_.collective == Collective::all_reduce; }
  MemoryPlace vector_place() const { return is_all_reduce() ? MemoryPlace::output : MemoryPlace::input; }

  int send(int peer, std::uint32_t message, Spot from, std::size_t num_bytes, int also_needed = -1);
  int receive(int peer, std::uint32_t message, Spot to, std::size_t num_bytes, int also_needed = -1);
  int add(Action action);
  void copy(Spot from, Spot to, std::size_t num_bytes);
  int next() const { return static_cast<int>(plan_.actions.size()); }
  void ring_spread(int first_step_message, int chunks);

  const CollectiveShape& shape_;
  CollectivePlan& plan_;
};

}  // namespace dsrun
