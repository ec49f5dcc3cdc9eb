#include "tests/support/overlap_case.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "models/costs.hpp"

namespace dsrun::test {
namespace {

FakeRun run_costed(const Job& job, FakeClusterOptions options) {
  const Plan plan = make_plan(job);
  options.op_cost = [&plan](int, const DeviceSpan& span) { return flops_cost(plan, span); };
  FakeCluster cluster(job, small_corpus(20000, 0), options);
  return cluster.run();
}

// GB/s at which a rank's expert rows take as long as its ops.
double balanced_bandwidth(const Job& job) {
  const Plan plan = make_plan(job);
  std::int64_t op_ns = 0, num_bytes = 0;
  FakeClusterOptions options;
  options.on_message = [&](int, const TensorMessage& message) {
    if (message.tag.traffic == Traffic::exchange) num_bytes += static_cast<std::int64_t>(message.payload.size());
  };
  options.on_span = [&](int, const DeviceSpan& span) {
    if (span.what == DeviceSpan::What::op) op_ns += span.end_ns - span.start_ns;
  };
  run_costed(job, options);
  return static_cast<double>(num_bytes) / static_cast<double>(op_ns);
}

}  // namespace

std::int64_t flops_cost(const Plan& plan, const DeviceSpan& span) {
  constexpr std::int64_t least_ns = 1000;
  if (span.what != DeviceSpan::What::op || span.part != Part::whole) return least_ns;
  double flops = 0;
  int same = 0;  // nodes of this op in this layer: the mean of their costs
  for (const StageSteps& stage : plan.stages)
    for (const OpNode& node : stage.graph.nodes)
      if (node.op == span.op && node.layer == span.layer) {
        flops += forward_flops_per_token(node, stage.graph, plan.job.batch.length);
        ++same;
      }
  const auto tokens = static_cast<double>(plan.tokens_per_microbatch());
  // Both gradients of attention are one pass of twice the work.
  const double passes = span.op == Op::attention && span.pass == Pass::backward_input ? 2 : 1;
  return std::max<std::int64_t>(least_ns, std::llround(passes * tokens * flops / std::max(1, same)));
}

void WireWatch::hear(int rank, const DeviceSpan& span) {
  if (span.what == DeviceSpan::What::wire && span.traffic == Traffic::exchange)
    wires_[rank].push_back({span.start_ns, span.end_ns});
  if (span.what == DeviceSpan::What::op) ops_[rank].push_back({span.start_ns, span.end_ns});
}

double WireWatch::computing_share() const {
  std::int64_t busy = 0, computing = 0;
  for (const auto& [rank, wires] : wires_) {
    auto op = ops_.at(rank).begin();
    const auto end = ops_.at(rank).end();
    std::int64_t seen = 0;  // up to where the rank's wires have been looked at: they may overlap
    for (const Interval& wire : wires) {
      const std::int64_t start = std::max(wire.start_ns, seen);
      seen = std::max(seen, wire.end_ns);
      busy += seen - start;
      while (op != end && op->end_ns <= start) ++op;
      for (auto each = op; each != end && each->start_ns < seen; ++each)
        computing += std::min(seen, each->end_ns) - std::max(start, each->start_ns);
    }
  }
  return busy > 0 ? static_cast<double>(computing) / static_cast<double>(busy) : 0;
}

OverlapRun run_overlapped(const std::vector<std::string>& overrides, bool overlap) {
  std::vector<std::string> all = overrides;
  all.push_back(fmt::format("parallel.overlap={}", overlap));
  all.push_back(fmt::format("cluster.link.gb_per_s={:.9f}", balanced_bandwidth(small_job(all))));
  all.push_back("cluster.link.latency_us=1");
  WireWatch watch;
  FakeClusterOptions options;
  options.on_span = [&](int rank, const DeviceSpan& span) { watch.hear(rank, span); };
  const FakeRun run = run_costed(small_job(all), options);
  OverlapRun result{run.hung ? 0 : run.makespan_ns, run.losses, {}, watch.computing_share()};
  for (const StepFinished& step : run.steps)
    for (const ProgramTimes& rank : step.programs) result.times += rank;
  return result;
}

}  // namespace dsrun::test
