// The end of a replayed step: reduce, the coordinator's order, update, gather (runtime/device/gradient_sync.hpp).
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "cluster/forecast/replay.hpp"
#include "cluster/forecast/step_costs.hpp"

namespace dsrun {

struct EndingRank {
  ReplayedRank* result;
  std::array<double, 2> port_free;  // local, network
  std::vector<CostedBucket> buckets;
};

// Fills the results' fields of the step's end; returns the time when the last rank is done. `place_of` gives a rank's
// place in `ranks`, or the place of the one that stands for it.
double end_step(std::vector<EndingRank>& ranks, const DeviceModel& model,
                const std::function<std::size_t(int)>& place_of);

}  // namespace dsrun
