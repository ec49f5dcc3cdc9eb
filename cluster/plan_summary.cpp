#include "cluster/plan_summary.hpp"

#include <algorithm>
#include <array>

#include "cluster/placement.hpp"
#include "cluster/traffic.hpp"
#include "dsl/write.hpp"
#include "models/costs.hpp"

namespace dsrun {

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

PlanSummary summarise_plan(const Plan& plan, const Replayed& replayed, const MemoryPlan& memory,
                           const DeviceModel& model) {
  const Job& job = plan.job;
  const Placement placement(job.cluster);
  PlanSummary summary;
  summary.job = to_json(job);
  summary.device = model.name;
  summary.ranks = plan.mesh.size();
  summary.nodes = placement.num_nodes();
  summary.parameters = plan.parameters;
  summary.memory = largest_memory(memory);
  summary.step_seconds = replayed.step_seconds;
  summary.bubble = replayed.bubble();
  summary.tokens_per_second = static_cast<double>(job.batch.sequences) * job.batch.length / replayed.step_seconds;
  if (model.peak_flops > 0)
    summary.mfu = summary.tokens_per_second * training_flops_per_token(job.model, job.batch.length) /
                  (model.peak_flops * summary.ranks);
  for (const LinkBytes& link : step_traffic(plan)) {
    SentBytes& sent = placement.same_node(link.from, link.to) ? summary.local : summary.network;
    sent.pipeline += link.pipeline;
    sent.expert += link.expert;
    sent.synchronisation += link.synchronisation;
  }
  return summary;
}

}  // namespace dsrun
