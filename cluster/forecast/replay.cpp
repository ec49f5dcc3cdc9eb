#include "cluster/forecast/replay.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "cluster/forecast/replay_end.hpp"
#include "cluster/forecast/simulation.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

// Whether all data ranks of a pipeline index have the same links: nodes of one size that hold parts of a pipeline index
// (and whole expert groups, or parts of them), or whole pipeline indices.
bool links_are_alike(const Plan& plan, const Placement& placement) {
  if (placement.num_nodes() == 1) return true;
  const std::vector<NodeSpec>& nodes = plan.job.cluster.nodes;
  const int size = nodes[0].devices;
  if (std::any_of(nodes.begin(), nodes.end(), [&](const NodeSpec& node) { return node.devices != size; })) return false;
  if (size % plan.mesh.data == 0) return true;
  return plan.mesh.data % size == 0 && (plan.mesh.expert % size == 0 || size % plan.mesh.expert == 0);
}

SimulationInput input_of(const Plan& plan, const DeviceModel& model, const StepCosts& costs, bool overlap) {
  const bool crowded = model.cores > 0 && plan.mesh.size() * plan.job.cluster.threads_per_device > model.cores;
  SimulationInput input;
  input.program = &plan.program;
  input.mesh = plan.mesh;
  input.alike = links_are_alike(plan, costs.placement()) && !crowded;
  input.cores = crowded ? model.cores : 0;
  input.instruction_overhead_secs = model.instruction_overhead_secs;
  input.local = model.local;
  input.network = model.network;
  std::vector<std::array<double, 2>> boundaries;  // by stage: activations, gradients
  for (int stage = 0; stage < static_cast<int>(plan.stages.size()); ++stage)
    boundaries.push_back({static_cast<double>(boundary_bytes(plan, stage, Kind::forward)),
                          static_cast<double>(boundary_bytes(plan, stage, Kind::backward))});
  input.boundary_bytes = [boundaries](int stage, Kind kind) {
    return kind == Kind::weight ? 0 : boundaries[static_cast<std::size_t>(stage)][kind == Kind::forward ? 0 : 1];
  };
  input.costs = [&costs, overlap](int stage, int rank, bool overlapped) {
    return costs.stage(stage, rank, overlapped && overlap);
  };
  input.turns = [&plan, overlap](int forward_stage, int backward_stage) {
    return Turns::of(plan.stages[static_cast<std::size_t>(forward_stage)].forward,
                     plan.stages[static_cast<std::size_t>(backward_stage)].backward, overlap);
  };
  input.same_node = [&costs](int a, int b) { return costs.placement().same_node(a, b); };
  return input;
}

}  // namespace

std::string_view idle_name(Idle cause) {
  constexpr EnumNames<Idle, num_idle_causes> names({{Idle::warm_up, "warm-up"},
                                                    {Idle::drain, "drain"},
                                                    {Idle::dependency, "dependency"},
                                                    {Idle::link, "link"},
                                                    {Idle::synchronisation, "synchronisation"}});
  return names[cause];
}

double ReplayedRank::idle_total() const { return std::accumulate(idle.begin(), idle.end(), 0.0); }

double Replayed::bubble() const {
  double share = 0;
  for (const ReplayedRank& rank : ranks) share += rank.idle_total() / step_seconds;
  return share / static_cast<double>(ranks.size());
}

std::array<KindTime, num_instruction_kinds> Replayed::kinds() const {
  std::array<KindTime, num_instruction_kinds> kinds{};
  for (const ReplayedRank& rank : ranks)
    for (const ReplayedInstruction& each : rank.instructions) {
      KindTime& kind = kinds[static_cast<std::size_t>(kind_of(each.instruction))];
      ++kind.count;
      kind.seconds += each.end - each.start;
      kind.work += each.work;
    }
  return kinds;
}

Replayed replay_step(const Plan& plan, const DeviceModel& model, const ReplayOptions& options) {
  const StepCosts costs(plan, model);
  const SimulationInput input = input_of(plan, model, costs, plan.job.parallel.overlap && options.overlap);
  std::vector<SimulatedRank> ranks = simulate(input);
  std::vector<EndingRank> ending;
  for (SimulatedRank& rank : ranks) ending.push_back({&rank.result, rank.port_free, costs.buckets(rank.result.rank)});
  const int stride = input.alike ? plan.mesh.data : 1;
  Replayed all;
  all.step_seconds = end_step(ending, model, [stride](int rank) { return static_cast<std::size_t>(rank / stride); });
  all.one_a_pipeline_index = input.alike;
  for (SimulatedRank& rank : ranks) all.ranks.push_back(std::move(rank.result));
  return all;
}

}  // namespace dsrun
