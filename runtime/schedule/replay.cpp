#include "runtime/schedule/replay.hpp"

#include <algorithm>
#include <map>

#include "runtime/schedule/dataflow.hpp"

namespace dsrun {
namespace {

double cost_of(const Instruction& instruction, const UnitCosts& costs) {
  if (instruction.overlapped) return costs.fb;
  switch (instruction.first.kind) {
    case Kind::forward:
      return costs.f;
    case Kind::backward:
      return costs.b;
    case Kind::backward_input:
      return costs.b - costs.w;
    case Kind::weight:
      break;
  }
  return costs.w;
}

}  // namespace

ReplayResult replay(const Program& program, const UnitCosts& costs) {
  std::vector<double> free(program.ranks.size(), 0);  // when each rank is
  std::vector<double> busy(program.ranks.size(), 0);  // how long each rank was
  std::map<StageResult, double> done;
  for (const auto& [index, at] : runnable_order(program)) {
    const RankProgram& rank = program.ranks[index];
    const Instruction& instruction = rank.instructions[at];
    double start = free[index];
    for (const StageResult& input : inputs_of(program, rank, instruction)) start = std::max(start, done.at(input));
    const double cost = cost_of(instruction, costs);
    free[index] = start + cost;
    busy[index] += cost;
    for (const StageResult& output : outputs_of(rank, instruction)) done[output] = free[index];
  }
  ReplayResult result{*std::max_element(free.begin(), free.end()), {}};
  for (double time : busy) result.idle.push_back(result.makespan - time);
  return result;
}

}  // namespace dsrun
