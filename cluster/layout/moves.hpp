// Moves: which rank gives which owned elements to which rank when a job's state goes from one layout to another, on
// other members say. A pure function; optimizer state, master weights and averages all move alike, since they are owned
// alike.
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

// All that each rank of `to` needs, by rank, in the order of its shards; what a rank has already is among it. Every
// element comes from its one owner in `from`. Throws std::invalid_argument when the layouts are not of one model.
std::vector<std::vector<Move>> moves(const StateLayout& from, const StateLayout& to);

}  // namespace dsrun
