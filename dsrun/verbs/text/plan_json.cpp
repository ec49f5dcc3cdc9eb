// The same as JSON; its names are promised to programs (docs/plan.md).
#include "cluster/forecast/advice.hpp"

#include <nlohmann/json.hpp>
#include "cluster/traffic/traffic.hpp"
#include "dsrun/verbs/text/plan_view.hpp"
#include "models/costs.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

json rank_json(const PlanView& view, const Placement& placed, int rank) {
  const Plan& plan = view.plan;
  json stages = json::array();
  for (int phase = 0; phase < plan.num_phases(rank); ++phase) {
    const Chunk& chunk = plan.chunk(rank, phase);
    const StageRange& range = plan.ranges[static_cast<std::size_t>(chunk.stage)];
    stages.push_back({{"stage", chunk.stage},
                      {"direction", chunk.direction},
                      {"first_layer", range.first_layer},
                      {"last_layer", range.last_layer - 1}});
  }
  return {{"rank", rank},
          {"host", placed.host(placed.node_of(rank))},
          {"device", placed.device_of(rank)},
          {"pipeline_index", plan.mesh.pipeline_index(rank)},
          {"stages", stages},
          {"bytes", to_json(view.memory[static_cast<std::size_t>(rank)])}};
}

// Pairs of ranks, as threads on one host send; more than these, or over hosts, what each rank's ports send.
json links_json(const PlanView& view) {
  json links = json::array();
  if (view.plan.mesh.size() <= most_ranks_by_pair && view.plan.placement.num_nodes() == 1)
    for (const LinkBytes& link : step_traffic(view.plan))
      links.push_back({{"from", link.from},
                       {"to", link.to},
                       {"pipeline", link.pipeline},
                       {"expert_expected", link.expert},
                       {"synchronisation", link.synchronisation}});
  return links;
}

json ports_json(const PlanView& view) {
  json ports = json::array();
  for (std::size_t i = 0; i < view.forecast.traffic.size(); ++i) {
    const RankTraffic& traffic = view.forecast.traffic[i];
    const auto add = [&](const char* name, const PortTraffic& port, const Port& of) {
      ports.push_back({{"rank", view.forecast.replayed.ranks[i].rank},
                       {"port", name},
                       {"pipeline", port.pipeline},
                       {"expert_expected", port.expert},
                       {"synchronisation", port.synchronisation},
                       {"seconds", of.transfer_seconds(port.total())}});
    };
    add("host", traffic.local, view.model.local);
    add("network", traffic.network, view.model.network);
  }
  return ports;
}

json instructions_json(const Forecast& forecast) {
  json kinds = json::object();
  const auto all = forecast.replayed.kinds();
  for (std::size_t kind = 0; kind < num_instruction_kinds; ++kind)
    if (all[kind].count > 0)
      kinds[std::string(kind_name(static_cast<InstructionKind>(kind)))] = {
          {"count", all[kind].count},
          {"mean_seconds", all[kind].seconds / all[kind].count},
          {"mean_work_seconds", all[kind].work / all[kind].count}};
  return kinds;
}

json timeline_json(const PlanView& view) {
  json timelines = json::array();
  for (std::size_t p = 0; p < view.memory.timelines.size(); ++p) {
    json each = to_json(view.memory.timelines[p]);
    each["pipeline_index"] = p;
    each["peak_instruction"] = view.memory.by_index[p].peak_at;
    timelines.push_back(std::move(each));
  }
  return timelines;
}

}  // namespace

json plan_json(const PlanView& view, const ReportOptions& options) {
  const Plan& plan = view.plan;
  const Forecast& forecast = view.forecast;
  const Placement& placed = plan.placement;
  const RunCost cost = cost_of_run(view, options.tokens, options.price);
  json idle = json::object(), work = json::object();
  for (std::size_t cause = 0; cause < num_idle_causes; ++cause)
    idle[std::string(idle_name(static_cast<Idle>(cause)))] = forecast.idle[cause];
  for (std::size_t of = 0; of < num_rate_classes; ++of)
    if (forecast.work[of] > 0) work[std::string(rate_class_name(static_cast<RateClass>(of)))] = forecast.work[of];
  work["step_end"] = forecast.end_work;
  const std::int64_t peak = largest_peak(view.memory);
  json out = {{"version", 2},
              {"parameters", parameters_of_layers(plan.job.model)},
              {"mtp_parameters", plan.parameters - parameters_of_layers(plan.job.model)},
              {"active_parameters", active_parameter_count(plan.job.model)},
              {"flops_per_token", forecast.flops_per_token},
              {"schedule", plan.program.schedule},
              {"dispatch", plan.two_hop ? "two_hop" : "direct"},
              {"layers_per_stage", plan.job.parallel.layers_per_stage},
              {"device_model", view.model.name},
              {"step_seconds", forecast.step_seconds},
              {"bubble", forecast.bubble},
              {"idle", idle},
              {"work_seconds", work},
              {"instructions", instructions_json(forecast)},
              {"tokens_per_second", forecast.tokens_per_second},
              {"mfu", forecast.mfu},
              {"tokens", cost.tokens},
              {"gpu_hours", cost.device_hours},
              {"days", cost.days},
              {"price", cost.price},
              {"capacity_bytes", view.capacity},
              {"peak_bytes", peak},
              {"fits", view.capacity == 0 || peak <= view.capacity},
              {"ranks", json::array()},
              {"memory_over_time", timeline_json(view)},
              {"links", links_json(view)},
              {"ports", ports_json(view)},
              {"notes", view.notes}};
  for (int rank = 0; rank < plan.mesh.size(); ++rank) out["ranks"].push_back(rank_json(view, placed, rank));
  if (!out["fits"].get<bool>()) {
    out["advice"] = json::array();
    for (const Advice& each : advise_on_memory(plan.job, view.capacity, scratch_of))
      out["advice"].push_back({{"change", each.change}, {"peak_bytes", each.peak}, {"fits", each.fits}});
  }
  return out;
}

}  // namespace dsrun
