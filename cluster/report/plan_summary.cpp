#include "cluster/report/plan_summary.hpp"

#include <algorithm>
#include <array>

#include "dsl/write.hpp"

namespace dsrun {
namespace {

void add(PortTraffic& sum, const PortTraffic& traffic, double times) {
  sum.pipeline += times * traffic.pipeline;
  sum.expert += times * traffic.expert;
  sum.synchronisation += times * traffic.synchronisation;
}

}  // namespace

RankMemory largest_memory(const MemoryPlan& memory) {
  constexpr std::array classes = {&RankMemory::weights,  &RankMemory::gradients, &RankMemory::optimizer,
                                  &RankMemory::saved,    &RankMemory::working,   &RankMemory::routed,
                                  &RankMemory::messages, &RankMemory::scratch};
  RankMemory most;
  for (const RankMemory& each : memory.by_index) {
    for (const auto bytes : classes) most.*bytes = std::max(most.*bytes, each.*bytes);
    if (each.peak <= most.peak) continue;
    most.peak = each.peak;
    most.peak_at = each.peak_at;
  }
  return most;
}

PlanSummary summarise_plan(const Plan& plan, const Forecast& forecast, const MemoryPlan& memory,
                           const DeviceModel& model) {
  PlanSummary summary;
  summary.job = to_json(plan.job);
  summary.device = model.name;
  summary.ranks = plan.mesh.size();
  summary.nodes = plan.placement.num_nodes();
  summary.parameters = plan.parameters;
  summary.memory = largest_memory(memory);
  summary.step_seconds = forecast.step_seconds;
  summary.bubble = forecast.bubble;
  summary.tokens_per_second = forecast.tokens_per_second;
  summary.mfu = forecast.mfu;
  const double alike = forecast.replayed.one_a_pipeline_index ? plan.mesh.data : 1;
  for (const RankTraffic& rank : forecast.traffic) {
    add(summary.local, rank.local, alike);
    add(summary.network, rank.network, alike);
  }
  return summary;
}

}  // namespace dsrun
