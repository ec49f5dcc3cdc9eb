// The text of `dsrun plan`, a section a function. To add a section: a function that returns its lines, and its call in
// plan_report().
#include <algorithm>

#include <fmt/format.h>

#include "cluster/forecast/advice.hpp"
#include "cluster/report/chart/text.hpp"
#include "cluster/report/chart/units.hpp"
#include "cluster/traffic/traffic.hpp"
#include "dsl/device_kind.hpp"
#include "dsrun/verbs/text/plan_view.hpp"
#include "models/costs.hpp"

namespace dsrun {
namespace {

constexpr double mib = 1024.0 * 1024.0;
constexpr int most_ranks_told = 32;  // more: one of each pipeline index

std::string stages_of(const Plan& plan, int rank) {
  std::string text;
  for (int phase = 0; phase < plan.num_phases(rank); ++phase) {
    const Chunk& chunk = plan.chunk(rank, phase);
    const StageRange& range = plan.ranges[static_cast<std::size_t>(chunk.stage)];
    text += fmt::format("{}stage {} (layers {}–{})", phase == 0 ? "" : ", ", chunk.stage, range.first_layer,
                        range.last_layer - 1);
  }
  return text;
}

// The ranks that are told apart, and how they are called: each, or one a pipeline index.
struct ToldRank {
  int rank;
  std::string name;
};
std::vector<ToldRank> told_ranks(const Plan& plan) {
  std::vector<ToldRank> told;
  const bool each = plan.mesh.size() <= most_ranks_told;
  for (int rank = 0; rank < plan.mesh.size(); rank += each ? 1 : plan.mesh.data)
    told.push_back({rank, each ? std::to_string(rank) : fmt::format("{}–{}", rank, rank + plan.mesh.data - 1)});
  return told;
}

std::string head(const PlanView& view) {
  const Plan& plan = view.plan;
  const Job& job = plan.job;
  std::string text = fmt::format(
      "{}: {} ranks = pipeline {} x data {}, expert groups of {}, {} with {} microbatches of {} x {} tokens\n",
      job.run.name, plan.mesh.size(), plan.mesh.pipeline, plan.mesh.data, plan.mesh.expert, plan.program.schedule,
      job.batch.microbatches, job.batch.microbatch_sequences(plan.mesh.data), job.batch.length);
  const std::int64_t modules = plan.parameters - parameters_of_layers(job.model);
  text +=
      fmt::format("parameters {}{} · active {} per token · {:.4g} FLOPs per token\n", parameters_of_layers(job.model),
                  modules > 0 ? fmt::format(" and {} in prediction modules", modules) : "",
                  active_parameter_count(job.model), view.forecast.flops_per_token);
  return text + fmt::format("device model: {} ({})\n\n", view.model.name, view.model.source);
}

std::string placement(const PlanView& view) {
  const Plan& plan = view.plan;
  const Placement& placed = plan.placement;
  std::string text = fmt::format("{:>10}  {:<22} layers\n", "rank", "host:device");
  for (const auto& [rank, name] : told_ranks(plan)) {
    const int last = name == std::to_string(rank) ? rank : rank + plan.mesh.data - 1;
    const auto place = [&](int r) { return fmt::format("{}:{}", placed.host(placed.node_of(r)), placed.device_of(r)); };
    text += fmt::format("{:>10}  {:<22} {}\n", name, last == rank ? place(rank) : place(rank) + "…" + place(last),
                        stages_of(plan, rank));
  }
  return text + "\n";
}

std::string memory(const PlanView& view) {
  std::string text =
      fmt::format("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  MiB, peak at\n", "rank", "weights",
                  "gradients", "optimizer", "saved", "working", "routed", "messages", "scratch", "peak");
  for (const auto& [rank, name] : told_ranks(view.plan)) {
    const RankMemory& m = view.memory[static_cast<std::size_t>(rank)];
    text += fmt::format("{:>10}", name);
    for (const std::int64_t bytes :
         {m.weights, m.gradients, m.optimizer, m.saved, m.working, m.routed, m.messages, m.scratch, m.peak})
      text += fmt::format(" {:>9.1f}", static_cast<double>(bytes) / mib);
    text += fmt::format("  {}\n", m.peak_at);
  }
  text += fmt::format("routed: {} rows per rank and microbatch = mean x load_factor {}; messages: an upper bound\n",
                      planned_rows(view.plan), view.plan.job.balance.load_factor);
  if (!on_cpu(view.plan.job.cluster))
    text += "the scratch memory of kernels and libraries is not known for this kind of device\n";
  return text;
}

std::string fit(const PlanView& view) {
  if (view.capacity == 0) return "\n";
  const std::int64_t peak = largest_peak(view.memory);
  const auto capacity = static_cast<double>(view.capacity);
  if (peak <= view.capacity)
    return fmt::format("fits: {} at the peak of {} a device\n\n", size_text(static_cast<double>(peak)),
                       size_text(capacity));
  std::string text = fmt::format("does not fit: the peak is {}, a device has {}. These changes help:\n",
                                 size_text(static_cast<double>(peak)), size_text(capacity));
  const auto advice = advise_on_memory(view.plan.job, view.capacity, scratch_of);
  for (const Advice& each : advice)
    text += fmt::format(
        "  {:<60} {:>10} less, {}\n", each.change, size_text(static_cast<double>(peak - each.peak)),
        each.fits ? "fits" : fmt::format("{} too much", size_text(static_cast<double>(each.peak) - capacity)));
  if (advice.empty()) text += "  no single change is enough: the job needs more devices or a smaller model\n";
  return text + "\n";
}

std::string links(const PlanView& view) {
  const Plan& plan = view.plan;
  std::string text;
  if (plan.mesh.size() <= most_ranks_by_pair && plan.mesh.size() > 1 && plan.placement.num_nodes() == 1) {
    text += fmt::format("{:>12}  {:>10} {:>10} {:>10}  MiB a step\n", "link", "pipeline", "expert", "sync");
    for (const LinkBytes& link : step_traffic(plan))
      text += fmt::format("{:>12}  {:>10.2f} {:>10.2f} {:>10.2f}\n", fmt::format("{} → {}", link.from, link.to),
                          static_cast<double>(link.pipeline) / mib, static_cast<double>(link.expert) / mib,
                          static_cast<double>(link.synchronisation) / mib);
    return text + "\n";
  }
  if (plan.mesh.size() == 1) return text;
  if (plan.two_hop) text += "rows of experts take two hops to other nodes and cross the network once for each node\n";
  text += fmt::format("{:>10}  {:<8} {:>12} {:>12} {:>12} {:>10}\n", "rank", "port", "pipeline", "expert", "sync",
                      "of a step");
  for (std::size_t i = 0; i < view.forecast.traffic.size() && i < most_ranks_told; ++i) {
    const RankTraffic& traffic = view.forecast.traffic[i];
    const auto line = [&](const char* name, const PortTraffic& port, const Port& of) {
      if (port.total() == 0) return;
      text += fmt::format("{:>10}  {:<8} {:>12} {:>12} {:>12} {:>10}\n", view.forecast.replayed.ranks[i].rank, name,
                          size_text(port.pipeline), size_text(port.expert), size_text(port.synchronisation),
                          percent_text(of.transfer_seconds(port.total()) / view.forecast.step_seconds));
    };
    line("host", traffic.local, view.model.local);
    line("network", traffic.network, view.model.network);
  }
  return text + "\n";
}

std::string forecast(const PlanView& view, const ReportOptions& options) {
  const Forecast& f = view.forecast;
  std::string text = schedule_chart(f.replayed, view.plan, {.columns = options.columns, .colour = options.colour});
  text += fmt::format("\nstep {} · {} tokens/s · MFU {} of {} FLOP/s a device · bubble {}\n", time_text(f.step_seconds),
                      count_text(f.tokens_per_second), percent_text(f.mfu), count_text(view.model.peak_flops),
                      percent_text(f.bubble));
  text += "idle, mean of ranks:";
  for (std::size_t cause = 0; cause < num_idle_causes; ++cause)
    text += fmt::format(" {} {}{}", idle_name(static_cast<Idle>(cause)), percent_text(f.idle[cause]),
                        cause + 1 < num_idle_causes ? " ·" : "\n");
  text += "instructions, mean:";
  const auto kinds = f.replayed.kinds();
  for (std::size_t kind = 0; kind < num_instruction_kinds; ++kind) {
    const KindTime& each = kinds[kind];
    if (each.count == 0) continue;
    const double count = each.count;
    text += fmt::format(" {} {} ({} in ops)", kind_name(static_cast<InstructionKind>(kind)),
                        time_text(each.seconds / count), time_text(each.work / count));
  }
  text += "\nwork a rank and step:";
  for (std::size_t of = 0; of < num_rate_classes; ++of)
    if (f.work[of] > 0)
      text += fmt::format(" {} {} ·", rate_class_name(static_cast<RateClass>(of)), time_text(f.work[of]));
  return text + fmt::format(" step's end {}\n", time_text(f.end_work));
}

std::string run(const PlanView& view, const ReportOptions& options) {
  const RunCost cost = cost_of_run(view, options.tokens, options.price);
  const bool short_run = cost.days < 1;
  std::string text = fmt::format("run of {} tokens: {} steps, {:.4g} {}, {:.4g} device-hours", count_text(cost.tokens),
                                 count_text(cost.steps), short_run ? cost.days * 24 : cost.days,
                                 short_run ? "hours" : "days", cost.device_hours);
  if (cost.days > 700) text += fmt::format(" ({:.3g} years)", cost.days / 365.25);
  if (options.price > 0) text += fmt::format(", {:.4g} at {:g} a device-hour", cost.price, options.price);
  if (view.plan.job.batch.ramp_tokens > 0) text += "; every step is counted with the whole batch";
  return text + "\n";
}

}  // namespace

std::string plan_report(const PlanView& view, const ReportOptions& options) {
  return head(view) + placement(view) + memory(view) + fit(view) + links(view) + forecast(view, options) +
         run(view, options);
}

std::string sensitivity_report(const PlanView& view) {
  std::string text = fmt::format("{:<28} {:>8}  {:>12}  source\n", "constant", "value", "10 % less");
  const auto line = [&](std::string_view name, double value, DeviceModel less, const std::string& source) {
    const double seconds = replay_step(view.plan, less).step_seconds;
    const double change = seconds / view.forecast.step_seconds - 1;
    text += fmt::format("{:<28} {:>8.3g}  {:>+11.2f} %  {}\n", name, value, 100 * change, source);
  };
  for (std::size_t i = 0; i < num_rate_classes; ++i) {
    const auto of = static_cast<RateClass>(i);
    DeviceModel less = view.model;
    less.efficiency(of).share *= 0.9;
    if (of == RateClass::local_port) less.local.bytes_per_sec *= 0.9;
    if (of == RateClass::network_port) less.network.bytes_per_sec *= 0.9;
    line(rate_class_name(of), view.model.share(of), less, view.model.efficiencies[i].source);
  }
  const auto scaled = [&](std::string_view name, double DeviceModel::*field, const std::string& source) {
    DeviceModel less = view.model;
    less.*field *= 0.9;
    line(name, view.model.*field, less, source);
  };
  scaled("communication_share", &DeviceModel::communication_share, "20 of 132 multiprocessors for transfers");
  scaled("memory_bytes_per_sec", &DeviceModel::memory_bytes_per_sec, "data sheet");
  scaled("op_overhead_secs", &DeviceModel::op_overhead_secs, "gap between kernels");
  scaled("instruction_overhead_secs", &DeviceModel::instruction_overhead_secs, "assumed");
  scaled("step_overhead_secs", &DeviceModel::step_overhead_secs, "assumed");
  return text;
}

}  // namespace dsrun
