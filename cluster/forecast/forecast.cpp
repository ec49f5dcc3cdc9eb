#include "cluster/forecast/forecast.hpp"

#include <map>

#include "cluster/forecast/step_costs.hpp"
#include "models/costs.hpp"

namespace dsrun {
namespace {

// What a rank's instructions add up to, list by list.
class Sum {
 public:
  Sum(const Plan& plan, const StepCosts& costs, Forecast& forecast) : plan_(plan), costs_(costs), forecast_(forecast) {}

  RankTraffic add(int rank, bool overlap) {
    RankTraffic traffic;
    const RankProgram& program = plan_.program.ranks[static_cast<std::size_t>(plan_.mesh.pipeline_index(rank))];
    std::map<std::pair<int, bool>, CostedStage> stages;
    for (const auto& [first, overlapped] : program.instructions) {
      const bool shares = overlapped.has_value() && overlap;
      for (const Half* half : {&first, overlapped ? &*overlapped : nullptr}) {
        if (half == nullptr) continue;
        const Chunk& chunk = program.chunks[half->phase];
        const auto [found, is_new] = stages.try_emplace({chunk.stage, shares});
        if (is_new) found->second = costs_.stage(chunk.stage, rank, shares);
        add_list(found->second.list(half->kind), traffic);
        add_message(rank, chunk, *half, traffic);
      }
    }
    for (const CostedBucket& bucket : costs_.buckets(rank)) {
      traffic.local.synchronisation += bucket.reduce_local + bucket.gather_local;
      traffic.network.synchronisation += bucket.reduce_network + bucket.gather_network;
      forecast_.end_work += bucket.sum_seconds + bucket.update_seconds + bucket.copy_seconds;
    }
    return traffic;
  }

 private:
  void add_list(const CostedList& list, RankTraffic& traffic) {
    for (const CostedStep& step : list) {
      forecast_.work[static_cast<std::size_t>(step.rate)] += step.seconds;
      traffic.local.expert += step.local_bytes;
      traffic.network.expert += step.network_bytes;
    }
  }

  void add_message(int rank, const Chunk& chunk, const Half& half, RankTraffic& traffic) const {
    if (half.kind == Kind::weight) return;
    const bool forward = half.kind == Kind::forward;
    const Graph& graph = plan_.stages[static_cast<std::size_t>(chunk.stage)].graph;
    if (forward ? graph.has_loss() : graph.embeds()) return;
    const int to = plan_.stage_rank(rank, chunk.stage + (forward ? 1 : -1), chunk.direction);
    if (to == rank) return;
    PortTraffic& port = costs_.placement().same_node(rank, to) ? traffic.local : traffic.network;
    port.pipeline += static_cast<double>(boundary_bytes(plan_, chunk.stage, half.kind));
  }

  const Plan& plan_;
  const StepCosts& costs_;
  Forecast& forecast_;
};

}  // namespace

Forecast forecast_step(const Plan& plan, const DeviceModel& model, const ReplayOptions& options) {
  Forecast forecast;
  forecast.replayed = replay_step(plan, model, options);
  const Job& job = plan.job;
  forecast.step_seconds = forecast.replayed.step_seconds;
  forecast.tokens_per_step = static_cast<double>(job.batch.sequences) * job.batch.length;
  forecast.tokens_per_second = forecast.tokens_per_step / forecast.step_seconds;
  forecast.flops_per_token = training_flops_per_token(job.model, job.batch.length);
  forecast.mfu = forecast.flops_per_token * forecast.tokens_per_second /
                 (model.peak_flops * static_cast<double>(plan.mesh.size()));
  forecast.bubble = forecast.replayed.bubble();
  const StepCosts costs(plan, model);
  Sum sum(plan, costs, forecast);
  const auto num_ranks = static_cast<double>(forecast.replayed.ranks.size());
  for (const ReplayedRank& rank : forecast.replayed.ranks) {
    forecast.traffic.push_back(sum.add(rank.rank, job.parallel.overlap && options.overlap));
    for (std::size_t cause = 0; cause < num_idle_causes; ++cause)
      forecast.idle[cause] += rank.idle[cause] / forecast.step_seconds / num_ranks;
  }
  for (double& seconds : forecast.work) seconds /= num_ranks;
  forecast.end_work /= num_ranks;
  return forecast;
}

RunCost run_cost(const Plan& plan, const Forecast& forecast, double tokens, double price_per_device_hour) {
  RunCost cost;
  cost.tokens = tokens;
  cost.steps = tokens / forecast.tokens_per_step;
  const double hours = cost.steps * forecast.step_seconds / 3600;
  cost.days = hours / 24;
  cost.device_hours = hours * plan.mesh.size();
  cost.price = cost.device_hours * price_per_device_hour;
  return cost;
}

}  // namespace dsrun
