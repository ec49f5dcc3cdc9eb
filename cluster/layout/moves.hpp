// Moves: which rank sends which owned elements to which rank when a job's state changes its layout, for example because
// the members change. The function is pure. Optimizer state, master weights and averages move in the same way, since
// they have the same owners.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/layout/state_layout.hpp"

namespace dsrun {

// Where a run of elements lies in a rank's owned shard of a bucket.
struct OwnedPlace {
  int rank = 0;
  int bucket = 0;           // index in its layout
  std::int64_t offset = 0;  // elements, in the rank's shard
};

struct Move {
  std::string tensor;
  std::int64_t begin = 0, size = 0;  // elements of the whole tensor
  OwnedPlace source;                 // in the old layout
  OwnedPlace destination;            // in the new one
  bool stays() const { return source.rank == destination.rank; }
};

// All elements that each rank of `to` needs, by rank, in the order of its shards; elements that the rank already has
// are included. Every element comes from its one owner in `from`. Throws std::invalid_argument if the layouts belong to
// different models.
std::vector<std::vector<Move>> moves(const StateLayout& from, const StateLayout& to);

}  // namespace dsrun
