// Simulation: the engine of replays. It runs a Program's instructions on every rank's own clock, in the order of time.
//
// The costs of an instruction come as lists of steps. What it waits for follows from the Program (messages between
// stages) and from the lists (transfers of a group). A start sends, and its finish waits for all members' starts. With
// two hops a relay waits for all members' starts and sends, and the finish waits for all relays.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "cluster/forecast/replay.hpp"
#include "cluster/forecast/step_costs.hpp"
#include "cluster/layout/mesh.hpp"
#include "models/passes/turns.hpp"

namespace dsrun {

struct SimulationInput {
  const Program* program = nullptr;
  Mesh mesh{ParallelSpec{}};
  // Ranks of a pipeline index behave alike: one stands for all of them, also as the other members of its groups.
  bool alike = true;
  // An instruction is one unit: it starts when the inputs of both its halves are there.
  bool atomic = false;
  int cores = 0;  // that all ranks share; 0: none is shared
  double instruction_overhead_secs = 0;
  Port local, network;
  std::function<double(int stage, Kind kind)> boundary_bytes;  // that a list sends to a neighbour stage
  // Costs of a stage for `rank`; `overlapped`: within F&B.
  std::function<CostedStage(int stage, int rank, bool overlapped)> costs;
  std::function<Turns(int forward_stage, int backward_stage)> turns;
  std::function<bool(int, int)> same_node;
};

struct SimulatedRank {
  ReplayedRank result;
  std::array<double, 2> port_free{0, 0};  // local, network
};

// Returns one rank for each pipeline index if ranks are alike, else all. Throws std::logic_error if the Program hangs.
std::vector<SimulatedRank> simulate(const SimulationInput& input);

}  // namespace dsrun
