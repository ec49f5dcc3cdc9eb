#include "cluster/forecast/replay_atomic.hpp"

#include <algorithm>

#include "cluster/forecast/simulation.hpp"

namespace dsrun {

ReplayResult replay(const Program& program, const UnitCosts& costs) {
  const auto list = [](double seconds) { return CostedList{CostedStep{.seconds = seconds}}; };
  SimulationInput input;
  input.program = &program;
  ParallelSpec parallel;
  parallel.pipeline = static_cast<int>(program.ranks.size());
  input.mesh = Mesh(parallel);
  input.atomic = true;
  // Of a pair, the forward's list takes its time and the backward's none.
  input.costs = [&](int, int, bool overlapped) {
    return overlapped ? CostedStage{list(costs.fb), list(0), {}, {}}
                      : CostedStage{list(costs.f), list(costs.b), list(costs.b - costs.w), list(costs.w)};
  };
  input.turns = [](int, int) { return Turns({0, 1}, false); };
  input.same_node = [](int, int) { return true; };
  input.boundary_bytes = [](int, Kind) { return 0.0; };
  ReplayResult result{0, {}};
  const std::vector<SimulatedRank> ranks = simulate(input);
  for (const SimulatedRank& rank : ranks) result.makespan = std::max(result.makespan, rank.result.program_end);
  for (const SimulatedRank& rank : ranks) result.idle.push_back(result.makespan - rank.result.work);
  return result;
}

}  // namespace dsrun
