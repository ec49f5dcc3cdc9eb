// Bytes a rank will hold, by class, over the time of its Program: the same rules as the executor's, on the same lists.
//
// Weights, gradients, optimizer state and values of T rows are exact for stages without transfers (M-1). Values of R
// rows are planned for mean × load_factor rows. Messages are a bound: the point-to-point messages that can be under
// way, and the rows of the transfers that F&B can have in flight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cluster/plan.hpp"

namespace dsrun {

// What memory kernels need besides tensors, told by the runtime for the machine at hand (runtime/device/scratch.hpp).
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
  std::string peak_at;    // the instruction during which it is reached
};

std::vector<RankMemory> plan_memory(const Plan& plan, const DeviceMemoryModel& model);

// R planned for one rank and microbatch: mean × load_factor rows.
std::int64_t planned_rows(const Plan& plan);

nlohmann::json to_json(const RankMemory& memory);

}  // namespace dsrun
