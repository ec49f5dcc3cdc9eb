#include "dsrun/run/feed/run_summary.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include <fmt/format.h>

#include "models/op.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

constexpr std::size_t recent_steps = 100;
constexpr std::array<std::string_view, 8> phase_names = {"forward",   "backward", "exchange", "optimizer",
                                                         "core wait", "idle",     "delivery", "overhead"};
static_assert(phase_names.size() == PhaseTimes::all_phases.size());

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }
double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

}  // namespace

RunSummary::RunSummary(std::vector<MemoryByClass> planned, std::vector<std::int64_t> planned_peak, double peak_flops,
                       int first_layer)
    : planned_(std::move(planned)),
      planned_peak_(std::move(planned_peak)),
      peak_flops_(peak_flops),
      first_layer_(first_layer) {}

void RunSummary::hear(const Progressed& progress) {
  if (const auto* step = std::get_if<StepFinished>(&progress)) add(*step);
  if (const auto* link = std::get_if<LinkReport>(&progress)) links_.push_back(*link);
}

void RunSummary::add(const StepFinished& step) {
  ++num_steps_;
  last_memory_ = step.memory;
  recent_counts_.push_back(step.expert_counts);
  if (recent_counts_.size() > recent_steps) recent_counts_.pop_front();
  if (num_steps_ == 2) {  // a second step: the first counts no more
    num_counted_ = tokens_ = rows_ = rows_sent_away_ = 0;
    seconds_ = mfu_ = in_rounds_ = 0;
    times_.clear();
    op_seconds_.clear();
    program_times_ = {};
    sent_ = {};
  }
  ++num_counted_;
  tokens_ += step.metrics.tokens;
  seconds_ += step.metrics.step_seconds;
  mfu_ += step.metrics.mfu;
  times_.resize(step.times.size());
  double longest = 0;
  for (std::size_t rank = 0; rank < step.times.size(); ++rank) {
    times_[rank] += step.times[rank];
    longest = std::max(longest, step.times[rank].total());
  }
  in_rounds_ += longest;
  add_seconds(op_seconds_, step.op_seconds);
  for (const ProgramTimes& rank : step.programs) program_times_ += rank;
  rows_sent_away_ += step.rows_sent_away;
  sent_ += step.sent;
  rows_ += std::accumulate(step.rows_received.begin(), step.rows_received.end(), std::int64_t{0});
}

std::string RunSummary::text() const {
  return num_steps_ == 0
             ? std::string()
             : speed() + phases() + instructions() + ops() + memory() + experts() + traffic() + messaging() + links();
}

std::string RunSummary::speed() const {
  const auto steps = static_cast<double>(num_counted_);
  std::string mfu =
      peak_flops_ > 0 ? fmt::format(", MFU {:.1f} % of {:.0f} GFLOP/s measured", 100 * mfu_ / steps, peak_flops_ * 1e-9)
                      : std::string();
  return fmt::format("speed: {:.0f} tokens/s, {:.3f} s a step{} ({} steps{})\n",
                     static_cast<double>(tokens_) / seconds_, seconds_ / steps, mfu, num_counted_,
                     num_steps_ > 1 ? ", without the first" : "");
}

std::string RunSummary::phases() const {
  std::string text = fmt::format("time by phase, % of a device's step\n  {:<10} {:>6}", "", "mean");
  for (std::size_t rank = 0; rank < times_.size(); ++rank) text += fmt::format(" {:>7}", fmt::format("rank {}", rank));
  text += '\n';
  PhaseTimes sum;
  for (const PhaseTimes& times : times_) sum += times;
  for (std::size_t i = 0; i < phase_names.size(); ++i) {
    const auto phase = PhaseTimes::all_phases[i];
    text += fmt::format("  {:<10} {:>6.1f}", phase_names[i], percent(sum.*phase, sum.total()));
    for (const PhaseTimes& times : times_) text += fmt::format(" {:>7.1f}", percent(times.*phase, times.total()));
    text += '\n';
  }
  return text;
}

// Means of one instruction of a kind, over ranks and steps. Exposed is what a transfer of rows takes beyond the compute
// that overlaps it.
std::string RunSummary::instructions() const {
  std::string text = fmt::format("time by instruction, mean ms\n  {:<10} {:>7} {:>9} {:>9} {:>9} {:>9}\n", "", "a step",
                                 "elapsed", "in ops", "exposed", "stage");
  const auto steps = static_cast<double>(num_counted_) * static_cast<double>(std::max<std::size_t>(1, times_.size()));
  for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
    const InstructionTimes& times = program_times_.kinds[i];
    if (times.count == 0) continue;
    const double to_mean = 1e3 / static_cast<double>(times.count);
    text += fmt::format("  {:<10} {:>7.1f} {:>9.2f} {:>9.2f} {:>9.2f} {:>9.2f}\n",
                        kind_name(static_cast<InstructionKind>(i)), static_cast<double>(times.count) / steps,
                        times.elapsed * to_mean, times.ops * to_mean, times.transfer_wait * to_mean,
                        times.pipeline_wait * to_mean);
  }
  return text + fmt::format(
                    "  synchronisation {:.2f} ms a step and {:.2f} ms waiting for others in it\n"
                    "  exposed: waiting for rows of experts; stage: waiting for another stage, mostly before the "
                    "instruction\n",
                    1e3 * program_times_.synchronisation / steps, 1e3 * program_times_.synchronisation_wait / steps);
}

// CPU seconds of the ops, most first.
std::string RunSummary::ops() const {
  std::vector<std::pair<double, std::size_t>> order;
  double total = 0;
  for (std::size_t op = 0; op < op_seconds_.size(); ++op) {
    const auto& passes = op_seconds_[op];
    order.emplace_back(std::accumulate(passes.begin(), passes.end(), 0.0), op);
    total += order.back().first;
  }
  std::sort(order.rbegin(), order.rend());
  std::string text = fmt::format("time by op, CPU ms a step over all devices\n  {:<15} {:>6} {:>9} {:>9} {:>9} {:>9}\n",
                                 "", "%", "forward", "to input", "to weight", "recompute");
  for (const auto& [seconds, op] : order) {
    if (seconds <= 0) continue;
    text += fmt::format("  {:<15} {:>6.1f}", op_name(static_cast<Op>(op)), percent(seconds, total));
    for (double pass : op_seconds_[op])
      text += fmt::format(" {:>9.2f}", 1e3 * pass / static_cast<double>(num_counted_));
    text += '\n';
  }
  return text;
}

std::string RunSummary::memory() const {
  std::string text = fmt::format("memory, MiB at the peak: planned / measured\n  {:<10}", "");
  for (std::size_t rank = 0; rank < last_memory_.size(); ++rank)
    text += fmt::format(" {:>17}", fmt::format("rank {}", rank));
  const auto row = [&](std::string_view name, const auto& planned, const auto& measured) {
    text += fmt::format("\n  {:<10}", name);
    for (std::size_t rank = 0; rank < last_memory_.size(); ++rank)
      text += fmt::format(" {:>8.2f}/{:>8.2f}", mebibytes(planned(rank)), mebibytes(measured(rank)));
  };
  for (std::size_t c = 0; c < num_memory_classes; ++c)
    row(
        memory_class_name(static_cast<MemoryClass>(c)), [&](std::size_t rank) { return planned_[rank][c]; },
        [&](std::size_t rank) { return last_memory_[rank].peak[c]; });
  row(
      "together", [&](std::size_t rank) { return planned_peak_[rank]; },
      [&](std::size_t rank) { return last_memory_[rank].peak_total; });
  return text + "\n  the plan is an upper bound for routed, messages and together; it is exact for the other classes\n";
}

std::string RunSummary::experts() const {
  if (recent_counts_.empty() || recent_counts_.front().empty()) return {};
  std::string text = fmt::format("expert load as a multiple of the mean, last {} steps\n  {:<10} {:>6} {:>6} {:>12}\n",
                                 recent_counts_.size(), "", "max", "min", "unused");
  const std::size_t num_layers = recent_counts_.front().size();
  for (std::size_t layer = 0; layer < num_layers; ++layer) {
    std::vector<std::int64_t> sum(recent_counts_.front()[layer].size(), 0);
    for (const auto& counts : recent_counts_)
      for (std::size_t expert = 0; expert < sum.size(); ++expert) sum[expert] += counts[layer][expert];
    const double mean =
        static_cast<double>(std::accumulate(sum.begin(), sum.end(), std::int64_t{0})) / static_cast<double>(sum.size());
    const auto [least, most] = std::minmax_element(sum.begin(), sum.end());
    text += fmt::format(
        "  {:<10} {:>6.2f} {:>6.2f} {:>12}\n", fmt::format("layer {}", static_cast<std::size_t>(first_layer_) + layer),
        static_cast<double>(*most) / mean, static_cast<double>(*least) / mean, std::count(sum.begin(), sum.end(), 0));
  }
  return text + fmt::format("  {:.1f} % of expert rows went to another rank\n",
                            percent(static_cast<double>(rows_sent_away_), static_cast<double>(rows_)));
}

// What all devices sent each other, a step; with nodes apart, inside them and between them.
std::string RunSummary::traffic() const {
  if (times_.size() < 2) return {};
  std::string text = fmt::format("sent, MiB a step over all devices\n  {:<13} {:>9} {:>9} {:>9} {:>12}\n", "",
                                 "pipeline", "experts", "sync", "expert rows");
  const auto steps = static_cast<double>(num_counted_);
  constexpr EnumNames<Way, 2> ways({{Way::inside_node, "inside nodes"}, {Way::between_nodes, "between nodes"}});
  for (const auto& [way, name] : ways.rows()) {
    const SentTraffic::OneWay& of = sent_[way];
    if (of == SentTraffic::OneWay{}) continue;
    text += fmt::format("  {:<13} {:>9.2f} {:>9.2f} {:>9.2f} {:>12.0f}\n", name, mebibytes(of.pipeline) / steps,
                        mebibytes(of.expert) / steps, mebibytes(of.synchronisation) / steps,
                        static_cast<double>(of.expert_rows) / steps);
  }
  return text;
}

// What a step costs beyond its devices' work and waits: CPU time of the devices' threads outside ops, and the time
// between rounds, in which no device is at work and the coordinator decides. With a core for each device a message's
// delivery is such a cost too; with fewer cores it is a wait for one, on which other devices work meanwhile.
std::string RunSummary::messaging() const {
  double handling = 0;
  const auto cores = static_cast<std::size_t>(num_cores());
  for (const PhaseTimes& times : times_) handling += times.overhead + (times_.size() <= cores ? times.delivery : 0.0);
  const double between = std::max(0.0, seconds_ - in_rounds_);
  const double of_devices = handling / static_cast<double>(std::min(times_.size(), cores));
  const std::string text =
      fmt::format("coordinator and messaging: {:.2f} % of step time ({:.2f} % in devices, {:.2f} % between rounds)\n",
                  percent(of_devices + between, seconds_), percent(of_devices, seconds_), percent(between, seconds_));
  return times_.size() <= cores ? text
                                : text + fmt::format(
                                             "  {} devices share {} cores; the time they wait for a core (core wait, "
                                             "delivery) is not included\n",
                                             times_.size(), cores);
}

// By transport; each link by itself is in events.jsonl.
std::string RunSummary::links() const {
  std::map<std::string, LinkReport> by_transport;
  std::map<std::string, int> count;
  for (const LinkReport& link : links_) {
    LinkReport& sum = by_transport[link.transport];
    sum.messages += link.messages;
    sum.bytes += link.bytes;
    ++count[link.transport];
  }
  std::string text;
  for (const auto& [transport, sum] : by_transport)
    text += fmt::format("data plane: {} links over {}: {} messages, {:.1f} MiB\n", count[transport], transport,
                        sum.messages, static_cast<double>(sum.bytes) / (1 << 20));
  return text;
}

}  // namespace dsrun
