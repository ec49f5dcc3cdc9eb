// Prints what F&B's overlap is worth on a slow wire: real actors, two devices, an emulated link on which a chunk's
// dispatches and combines, with their gradients, take as long as its computation. Give a folder to have traces there.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "actors/launch.hpp"
#include "runtime/metrics/trace.hpp"
#include "tests/support/overlap_case.hpp"

namespace dsrun::test {
namespace {

constexpr int num_pairs = 5;  // of runs, one with overlap and one without
constexpr int num_steps = 3;  // of a run; the first makes primitives and does not count

const std::vector<std::string> sizes = {"model.layers=4",
                                        "model.dense_layers=0",
                                        "model.hidden=128",
                                        "model.heads=4",
                                        "model.q_rank=48",
                                        "model.kv_rank=32",
                                        "model.nope_dim=32",
                                        "model.rope_dim=16",
                                        "model.value_dim=32",
                                        "model.experts=16",
                                        "model.expert_groups=4",
                                        "model.experts_per_token=4",
                                        "model.expert_hidden=128",
                                        "parallel.pipeline=1",
                                        "parallel.data=2",
                                        "parallel.expert=2",
                                        "parallel.schedule=dualpipev",
                                        "batch.microbatches=16",
                                        "batch.sequences=32",
                                        "batch.length=256",
                                        "precision.compute=fp32",
                                        "optimizer.lr=1e-6",
                                        "optimizer.final_lr=0",
                                        "balance.bias_speed=0.02"};

struct Ran {
  std::vector<double> step_seconds;
  PhaseTimes phases;      // mean of a device's step
  ProgramTimes programs;  // of all devices and counted steps
  double exchanged = 0;   // bytes of expert rows that a device sends in a step
  double computing_share = 0;
};

class Launcher {
 public:
  explicit Launcher(std::vector<std::string> more) {
    std::vector<std::string> overrides = sizes;
    overrides.push_back(fmt::format("job.steps={}", num_steps));
    overrides.insert(overrides.end(), more.begin(), more.end());
    const Job job = small_job(overrides);
    options_.plan = std::make_shared<Plan>(make_plan(job));
    options_.loader = std::make_shared<BatchLoader>(job, small_corpus(1 << 20, 0));
    options_.on_progress = [this](const Progressed& progress) {
      if (const auto* step = std::get_if<StepFinished>(&progress)) hear(*step);
    };
    options_.on_span = [this](int rank, const DeviceSpan& span) {
      const std::lock_guard lock(mutex_);
      if (span.what == DeviceSpan::What::wire && span.traffic == Traffic::exchange) {
        bytes_ += static_cast<double>(span.num_bytes);
      }
      watch_.hear(rank, span);
      if (trace_) trace_->add(rank, span);
    };
  }

  Ran run(const std::string& trace = {}) {
    if (!trace.empty()) trace_ = std::make_unique<TraceWriter>(trace);
    JobControl control;
    const JobOutcome outcome = run_job(options_, control);
    if (outcome.outcome != Outcome::completed) throw std::runtime_error(outcome.cause);
    if (trace_) trace_->finish();
    ran_.phases = ran_.phases / (num_steps - 1);
    ran_.exchanged = bytes_ / num_steps / options_.plan->mesh.size();
    ran_.computing_share = watch_.computing_share();
    return ran_;
  }

 private:
  void hear(const StepFinished& step) {
    if (step.metrics.step == 1) return;
    ran_.step_seconds.push_back(step.metrics.step_seconds);
    ran_.phases += step.metrics.phases;
    for (const ProgramTimes& rank : step.programs) ran_.programs += rank;
  }

  LaunchOptions options_;
  std::unique_ptr<TraceWriter> trace_;
  std::mutex mutex_;
  double bytes_ = 0;
  WireWatch watch_;
  Ran ran_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Side {
  const char* name = "";
  std::vector<double> step_seconds{};
  PhaseTimes phases{};
  ProgramTimes programs{};
  double computing_share = 0;

  void add(const Ran& ran) {
    step_seconds.insert(step_seconds.end(), ran.step_seconds.begin(), ran.step_seconds.end());
    phases += ran.phases;
    programs += ran.programs;
    computing_share += ran.computing_share / num_pairs;
  }

  void print() const {
    const auto [least, most] = std::minmax_element(step_seconds.begin(), step_seconds.end());
    fmt::print("{:<12} median {:.1f} ms a step, {:.1f} to {:.1f} in {}\n", name, 1e3 * median(step_seconds),
               1e3 * *least, 1e3 * *most, step_seconds.size());
    const PhaseTimes mean = phases / num_pairs;
    fmt::print(
        "  a device's step: {:.1f} ms in ops, {:.1f} idle, {:.1f} delivery, {:.1f} core wait, {:.1f} optimizer\n",
        1e3 * (mean.forward + mean.backward + mean.exchange), 1e3 * mean.idle, 1e3 * mean.delivery,
        1e3 * mean.core_wait, 1e3 * mean.optimizer);
    fmt::print("  while rows are on a device's wire it computes {:.0f} % of the time\n", 100 * computing_share);
    for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
      const InstructionTimes& times = programs.kinds[i];
      if (times.count == 0) continue;
      const double to_ms = 1e3 / static_cast<double>(times.count);
      fmt::print("  {:<4} {:>5} x {:>7.2f} ms: {:>7.2f} in ops, {:>7.2f} exposed transfer\n",
                 kind_name(static_cast<InstructionKind>(i)), times.count, times.elapsed * to_ms, times.ops * to_ms,
                 times.transfer_wait * to_ms);
    }
  }
};

std::string setting(double gb_per_s) { return fmt::format("cluster.link.gb_per_s={:.9f}", gb_per_s); }

int run(const std::string& folder) {
  const Ran free = Launcher({setting(1e6)}).run();
  double computing = 0;  // wall time in ops of a device's step: where others use the cores as well, it counts too
  for (const InstructionTimes& kind : free.programs.kinds) computing += kind.ops / (num_steps - 1) / 2;
  const double gb_per_s = free.exchanged / computing * 1e-9;
  fmt::print("on a free link: {:.1f} ms a step, of which a device computes {:.1f} ms; it sends {:.2f} MB of rows\n",
             1e3 * median(free.step_seconds), 1e3 * computing, free.exchanged * 1e-6);
  fmt::print("emulated: {:.4f} GB/s, so that the rows take as long as the computation; latency 20 us\n", gb_per_s);
  Side sides[2] = {{.name = "overlap"}, {.name = "no overlap"}};
  std::vector<double> ratios;
  for (int pair = 0; pair < num_pairs; ++pair) {
    double seconds[2] = {0, 0};
    for (int off = 0; off < 2; ++off) {
      const std::string trace = folder.empty() || pair > 0
                                    ? std::string()
                                    : fmt::format("{}/overlap-{}.json", folder, off == 0 ? "on" : "off");
      const Ran ran =
          Launcher({setting(gb_per_s), "cluster.link.latency_us=20", fmt::format("parallel.overlap={}", off == 0)})
              .run(trace);
      sides[off].add(ran);
      seconds[off] = median(ran.step_seconds);
    }
    ratios.push_back(seconds[1] / seconds[0]);
  }
  for (const Side& side : sides) side.print();
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  fmt::print("overlap is {:.2f} x as fast (median of {} pairs; {:.2f} to {:.2f})\n", median(ratios), num_pairs, *least,
             *most);
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main(int count, char** words) { return dsrun::test::run(count > 1 ? words[1] : ""); }
