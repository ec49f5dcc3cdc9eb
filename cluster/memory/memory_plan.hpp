// Bytes that a rank will hold, by class, over the time of its Program. The planner applies the executor's rules to the
// same lists.
//
// Weights, gradients, optimizer state and values of T rows are exact for stages without transfers (M-1). Values of R
// rows are planned for mean × load_factor rows. For messages the plan gives a bound. It counts the point-to-point
// messages that can be under way and the rows of transfers that can be in flight at once. Between processes it adds the
// gradient shards of other copies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cluster/memory/memory_timeline.hpp"
#include "cluster/plan.hpp"

namespace dsrun {

// Memory that kernels need besides tensors; the runtime measures it for the machine at hand
// (runtime/device/scratch.hpp).
struct DeviceMemoryModel {
  std::vector<std::int64_t> scratch_bytes;  // by pipeline index; empty: none
};

struct RankMemory {
  std::int64_t weights = 0;
  std::int64_t gradients = 0;
  std::int64_t optimizer = 0;
  std::int64_t saved = 0;     // peak of activations kept for backward
  std::int64_t working = 0;   // peak of other values of T rows
  std::int64_t routed = 0;    // peak of values of R rows
  std::int64_t messages = 0;  // bound
  std::int64_t scratch = 0;
  std::int64_t peak = 0;  // peak of all together, messages and scratch included
  std::string peak_at;    // the instruction during which the peak is reached

  // The part that is held all the time: everything but activations.
  std::int64_t constant() const { return weights + gradients + optimizer + messages + scratch; }
};

// Ranks of one pipeline index hold the same amount, so a plan has one entry for each index.
struct MemoryPlan {
  Mesh mesh{ParallelSpec{}};
  std::vector<RankMemory> by_index;       // by pipeline index
  std::vector<MemoryTimeline> timelines;  // by pipeline index: activations over the Program's time

  std::size_t size() const { return static_cast<std::size_t>(mesh.size()); }
  const RankMemory& operator[](std::size_t rank) const { return by_index[index_of(rank)]; }
  const MemoryTimeline& timeline(std::size_t rank) const { return timelines[index_of(rank)]; }

 private:
  std::size_t index_of(std::size_t rank) const {
    return static_cast<std::size_t>(mesh.pipeline_index(static_cast<int>(rank)));
  }
};

MemoryPlan plan_memory(const Plan& plan, const DeviceMemoryModel& model);

nlohmann::json to_json(const RankMemory& memory);

}  // namespace dsrun
