// A forecast step as one HTML file: lanes of instructions, memory, where the time goes. It needs nothing from outside
// and no script; what an instruction is stands in its tooltip.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/device_model.hpp"
#include "cluster/memory_plan.hpp"
#include "cluster/plan.hpp"
#include "cluster/replay.hpp"

namespace dsrun {

// What an instruction leaves live of activations, and the most there was while it ran.
struct LiveBytes {
  std::int64_t saved = 0, working = 0, routed = 0;
  std::int64_t peak = 0;  // of all together
  std::int64_t total() const { return saved + working + routed; }
};

// Of a simulated rank. `live` is by instruction, or empty if nothing is known.
struct ChartMemory {
  RankMemory bytes;
  std::vector<LiveBytes> live;
};

// `memory`: by place in replayed.ranks; chart_memory() below makes it.
std::string schedule_page(const Plan& plan, const Replayed& replayed, const std::vector<ChartMemory>& memory,
                          const DeviceModel& model);

// Of each simulated rank; `memory` is indexed by rank.
template <class Memory>
std::vector<ChartMemory> chart_memory(const Replayed& replayed, const Memory& memory) {
  std::vector<ChartMemory> all;
  for (const ReplayedRank& rank : replayed.ranks) all.push_back({memory[static_cast<std::size_t>(rank.rank)], {}});
  return all;
}

}  // namespace dsrun
