// Bytes that one training step sends between ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/plan.hpp"

namespace dsrun {

struct LinkBytes {
  int from = 0;
  int to = 0;
  std::int64_t pipeline = 0;         // activations forward, gradients back: exact
  std::int64_t expert = 0;           // rows of dispatch, combine and their gradients: expected, see below
  std::int64_t synchronisation = 0;  // gradient shards and new weights: exact
  std::int64_t total() const { return pipeline + expert + synchronisation; }
};

// Links that carry something, in order of (from, to). The numbers of expert rows are expected values under even routing
// (holding_probability() of expert_traffic.hpp), on the ways of cluster/layout/expert_routes.hpp.
std::vector<LinkBytes> step_traffic(const Plan& plan);

}  // namespace dsrun
