// Prints how near the replay comes to the clock: a calibration of this machine, then for each schedule the predicted
// and the measured step: its seconds, its bubble, and each kind of instruction, so that errors cannot cancel unseen.
// Predicted and measured runs alternate, and figures are medians. Say `ops` to have every op's cost, too.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "actors/calibrate.hpp"
#include "actors/launch.hpp"
#include "cluster/replay.hpp"
#include "cluster/step_costs.hpp"
#include "models/op_table.hpp"
#include "runtime/calibration/random_tokens.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

constexpr int num_devices = 2;
constexpr int num_rounds = 8;     // of runs, each of all cases
constexpr int num_steps = 3;      // of a run
constexpr int skipped_steps = 1;  // of these: it makes primitives
// Runs are short, and there is a pause after each: where others use the machine, `chrt -f 1` keeps them off the cores,
// and Linux lets threads of such a priority run for 0.95 s of each second.
constexpr auto pause = std::chrono::milliseconds(400);

const std::vector<std::string> sizes = {
    "model.layers=4",          "model.dense_layers=1",     "model.hidden=256",      "model.heads=8",
    "model.q_rank=96",         "model.kv_rank=64",         "model.nope_dim=32",     "model.rope_dim=16",
    "model.value_dim=32",      "model.experts=16",         "model.expert_groups=4", "model.experts_per_token=4",
    "model.expert_hidden=256", "model.dense_hidden=1024",  "batch.microbatches=8",  "batch.length=192",
    "precision.compute=fp32",  "cluster.node.0.devices=2", "optimizer.lr=1e-6",     "optimizer.final_lr=0",
    "balance.bias_speed=0.02"};

struct Case {
  std::string name;
  std::vector<std::string> overrides;
};
const std::vector<Case> cases = {
    {"1f1b, pipeline 2", {"parallel.pipeline=2", "parallel.schedule=1f1b", "batch.sequences=4"}},
    {"zb1p, pipeline 2", {"parallel.pipeline=2", "parallel.schedule=zb1p", "batch.sequences=4"}},
    {"dualpipe, pipeline 2", {"parallel.pipeline=2", "parallel.schedule=dualpipe", "batch.sequences=4"}},
    {"1f1b, data 2, experts 2",
     {"parallel.data=2", "parallel.expert=2", "parallel.schedule=1f1b", "batch.microbatches=2", "batch.sequences=4"}}};

Job job_of(const Case& of) {
  std::vector<std::string> all = sizes;
  all.push_back(fmt::format("job.steps={}", num_steps));
  all.insert(all.end(), of.overrides.begin(), of.overrides.end());
  return small_job(all);
}

struct Measured {
  std::vector<double> step_seconds, bubbles, core_waits;
  ProgramTimes programs;  // of all devices and counted steps
  SpanSamples samples;
  int steps = 0;
};

void measure(const Plan& plan, Measured& into, bool ops) {
  LaunchOptions options;
  options.plan = std::make_shared<Plan>(plan);
  options.loader =
      std::make_shared<BatchLoader>(plan.job, std::make_shared<RandomTokens>(plan.job.model.vocab_size, 1 << 18));
  options.on_progress = [&](const Progressed& progress) {
    const auto* step = std::get_if<StepFinished>(&progress);
    if (step == nullptr || step->metrics.step <= skipped_steps) return;
    const PhaseTimes& phases = step->metrics.phases;
    into.step_seconds.push_back(step->metrics.step_seconds);
    into.bubbles.push_back((phases.idle + phases.delivery) / phases.total());
    into.core_waits.push_back(phases.core_wait / phases.total());
    for (const ProgramTimes& rank : step->programs) into.programs += rank;
    ++into.steps;
  };
  std::vector<std::vector<DeviceSpan>> spans(static_cast<std::size_t>(plan.mesh.size()));
  if (ops)
    options.on_span = [&](int rank, const DeviceSpan& span) { spans[static_cast<std::size_t>(rank)].push_back(span); };
  JobControl control;
  const JobOutcome outcome = run_job(options, control);
  if (outcome.outcome != Outcome::completed) throw std::runtime_error(outcome.cause);
  for (const auto& rank : spans) add_spans(into.samples, plan, rank, skipped_steps);
  std::this_thread::sleep_for(pause);
}

void print_line(const std::string& what, double predicted, double measured, const char* unit) {
  fmt::print("  {:<22} {:>9.2f} {:>9.2f} {:<3} {:>6.3f}\n", what, predicted, measured, unit,
             measured > 0 ? predicted / measured : 0);
}

void print_case(const Case& of, const Replayed& replayed, const Measured& measured) {
  fmt::print("{}; a core was waited for in {:.1f} % of the time\n  {:<22} {:>9} {:>9} {:>10}\n", of.name,
             100 * median(measured.core_waits), "", "predicted", "measured", "ratio");
  print_line("step", 1e3 * replayed.step_seconds, 1e3 * median(measured.step_seconds), "ms");
  const double bubble = median(measured.bubbles);
  fmt::print("  {:<22} {:>9.2f} {:>9.2f} %   {:>+6.2f} points\n", "bubble", 100 * replayed.bubble(), 100 * bubble,
             100 * (replayed.bubble() - bubble));
  const auto kinds = replayed.kinds();
  for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
    const InstructionTimes& times = measured.programs.kinds[i];
    if (times.count == 0) continue;
    const double to_ms = 1e3 / static_cast<double>(times.count), predicted_ms = 1e3 / kinds[i].count;
    const std::string name(kind_name(static_cast<InstructionKind>(i)));
    print_line(name, kinds[i].seconds * predicted_ms, times.elapsed * to_ms, "ms");
    print_line(name + ", without waits", kinds[i].work * predicted_ms, times.ops * to_ms, "ms");
  }
  double end = 0;
  for (const ReplayedRank& rank : replayed.ranks) end += rank.work;
  for (const KindTime& kind : kinds) end -= kind.work;
  const auto devices = static_cast<double>(replayed.ranks.size());
  print_line("step's end", 1e3 * end / devices, 1e3 * measured.programs.synchronisation / measured.steps / num_devices,
             "ms");
}

void print_ops(const Plan& plan, const DeviceModel& model, const Measured& measured) {
  const MicrobatchShape shape = StepCosts(plan, model).shape(0);
  std::map<StepShape, StepWork> works;
  for (const StageSteps& stage : plan.stages)
    for (const StepList* list : {&stage.forward, &stage.backward})
      for (const Step& step : *list) {
        const StepWork work = step_work(stage, step, shape);
        works.try_emplace(work, work);
      }
  for (const auto& [key, samples] : measured.samples.steps) {
    const StepWork& work = works.at(key);
    std::vector<double> seconds, rows;
    double sum = 0;
    for (const StepSample& sample : samples) {
      seconds.push_back(sample.seconds * work.matrices);
      rows.push_back(sample.rows * work.matrices);
      sum += sample.seconds * work.matrices;
    }
    const double predicted = step_seconds(model, work) - model.op_overhead_secs;
    constexpr const char* passes[] = {"f", "i", "w"};
    fmt::print(
        "    {:<16} {} {:<2} {:>5} {:>5} rows {:>7.0f} {:>7.0f} us {:>8.1f} {:>8.1f} mean {:>8.1f} ratio {:.3f}\n",
        op_name(key.op), passes[static_cast<int>(key.pass)],
        key.part == Part::whole   ? ""
        : key.part == Part::start ? "s"
                                  : "e",
        key.in_cols, key.out_cols, work.rows, median(rows), predicted * 1e6, median(seconds) * 1e6,
        1e6 * sum / static_cast<double>(samples.size()), predicted / median(seconds));
  }
}

int run(bool ops) {
  CalibrationOptions options{job_of(cases[0]), 30, num_cores(), {}};
  const Calibration done = calibrate(options);
  std::vector<Plan> plans;
  std::vector<Replayed> replayed;
  for (const Case& each : cases) {
    plans.push_back(make_plan(job_of(each)));
    replayed.push_back(replay_step(plans.back(), done.model));
  }
  std::vector<Measured> measured(cases.size());
  for (int round = 0; round < num_rounds; ++round)
    for (std::size_t i = 0; i < cases.size(); ++i) measure(plans[i], measured[i], ops);
  fmt::print("calibrated: latency {:.1f} us, between ops {:.2f} us, instructions {:.2f} us, coordination {:.0f} us\n",
             done.model.local.latency_secs * 1e6, done.model.op_overhead_secs * 1e6,
             done.model.instruction_overhead_secs * 1e6, done.model.step_overhead_secs * 1e6);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    print_case(cases[i], replayed[i], measured[i]);
    if (ops) print_ops(plans[i], done.model, measured[i]);
  }
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main(int count, char** words) { return dsrun::test::run(count > 1 && std::string(words[1]) == "ops"); }
