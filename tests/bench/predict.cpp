// Prints how near the replay comes to the clock: a calibration of this machine, then for each schedule the predicted
// and the measured step: its seconds, its bubble, and each kind of instruction, so that errors cannot cancel unseen.
// Predicted and measured runs alternate, and figures are medians. Say `ops` to have every op's cost, too.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "actors/calibrate.hpp"
#include "actors/launch.hpp"
#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/replay.hpp"
#include "cluster/forecast/step_costs.hpp"
#include "models/op_table.hpp"
#include "tests/support/balanced_run.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

constexpr int num_devices = 2;
constexpr int num_rounds = 3;  // each: a calibration, then runs of all cases: a machine is not always as fast
constexpr int num_runs = 2;    // of a case and round
constexpr int num_steps = 7;   // of a run
constexpr int num_balancing_steps = 60;
constexpr double calibration_secs = 12;
constexpr int skipped_steps = 2;  // of these: they make primitives and touch memory first

const std::vector<std::string> sizes = {
    "model.layers=4",          "model.dense_layers=1",     "model.hidden=256",      "model.heads=8",
    "model.q_rank=96",         "model.kv_rank=64",         "model.nope_dim=32",     "model.rope_dim=16",
    "model.value_dim=32",      "model.experts=16",         "model.expert_groups=4", "model.experts_per_token=4",
    "model.expert_hidden=256", "model.dense_hidden=1024",  "batch.microbatches=4",  "batch.length=192",
    "precision.compute=fp32",  "cluster.node.0.devices=2", "optimizer.lr=1e-6",     "optimizer.final_lr=0",
    "balance.bias_speed=0.02"};

struct Case {
  std::string name;
  std::vector<std::string> overrides;
};
std::vector<std::string> on_slow_link(const std::string& overlap) {
  return {
      "parallel.data=2",   "parallel.expert=2",          "parallel.schedule=dualpipev", "batch.microbatches=4",
      "batch.sequences=8", "cluster.link.gb_per_s=0.02", "cluster.link.latency_us=20",  "parallel.overlap=" + overlap};
}
const std::vector<Case> cases = {
    {"1f1b, pipeline 2", {"parallel.pipeline=2", "parallel.schedule=1f1b", "batch.sequences=4"}},
    {"zb1p, pipeline 2", {"parallel.pipeline=2", "parallel.schedule=zb1p", "batch.sequences=4"}},
    {"dualpipe, pipeline 2", {"parallel.pipeline=2", "parallel.schedule=dualpipe", "batch.sequences=4"}},
    {"1f1b, data 2, experts 2",
     {"parallel.data=2", "parallel.expert=2", "parallel.schedule=1f1b", "batch.microbatches=2", "batch.sequences=4"}},
    {"dualpipev, data 2, experts 2, a slow link", on_slow_link("true")},
    {"the same without overlap", on_slow_link("false")}};

Job job_of(const Case& of) {
  std::vector<std::string> all = sizes;
  all.push_back(fmt::format("job.steps={}", num_steps));
  all.insert(all.end(), of.overrides.begin(), of.overrides.end());
  return small_job(all);
}

struct Measured {
  std::vector<double> step_seconds, bubbles, core_waits, ends;
  std::array<std::vector<double>, num_instruction_kinds> seconds, works;  // by step: means of a kind
  SpanSamples samples;

  void add(const StepFinished& step) {
    const PhaseTimes& phases = step.metrics.phases;
    step_seconds.push_back(step.metrics.step_seconds);
    bubbles.push_back((phases.idle + phases.delivery) / phases.total());
    core_waits.push_back(phases.core_wait / phases.total());
    ProgramTimes sum;
    for (const ProgramTimes& rank : step.programs) sum += rank;
    ends.push_back(sum.synchronisation / num_devices);
    for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
      const InstructionTimes& kind = sum.kinds[i];
      if (kind.count == 0) continue;
      seconds[i].push_back(kind.elapsed / static_cast<double>(kind.count));
      works[i].push_back(kind.ops / static_cast<double>(kind.count));
    }
  }
};

void measure(const Plan& plan, const Biases& biases, Measured& into, bool ops) {
  LaunchOptions options = random_launch(plan);
  std::vector<std::vector<DeviceSpan>> spans(static_cast<std::size_t>(plan.mesh.size()));
  if (ops)
    options.on_span = [&](int rank, const DeviceSpan& span) { spans[static_cast<std::size_t>(rank)].push_back(span); };
  run_balanced(std::move(options), biases, skipped_steps, [&](const StepFinished& step) { into.add(step); });
  for (const auto& rank : spans) add_spans(into.samples, plan, rank, skipped_steps);
}

// What the rounds' models predict: the median of each figure.
struct Predicted {
  std::vector<double> step_seconds, bubbles, ends;
  std::array<std::vector<double>, num_instruction_kinds> seconds, works;  // means of a kind

  void add(const Replayed& replayed) {
    step_seconds.push_back(replayed.step_seconds);
    bubbles.push_back(replayed.bubble());
    double end = 0;
    for (const ReplayedRank& rank : replayed.ranks) end += rank.work;
    const auto kinds = replayed.kinds();
    for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
      end -= kinds[i].work;
      if (kinds[i].count == 0) continue;
      seconds[i].push_back(kinds[i].seconds / kinds[i].count);
      works[i].push_back(kinds[i].work / kinds[i].count);
    }
    ends.push_back(end / static_cast<double>(replayed.ranks.size()));
  }
};

void print_line(const std::string& what, double predicted, double measured) {
  fmt::print("  {:<22} {:>9.2f} {:>9.2f} ms  {:>6.3f}\n", what, 1e3 * predicted, 1e3 * measured, predicted / measured);
}

void print_case(const Case& of, const Predicted& predicted, const Measured& measured) {
  fmt::print("{}; a core was waited for in {:.1f} % of the time\n  {:<22} {:>9} {:>9} {:>10}\n", of.name,
             100 * median(measured.core_waits), "", "predicted", "measured", "ratio");
  print_line("step", median(predicted.step_seconds), median(measured.step_seconds));
  const double bubble = median(measured.bubbles), foreseen = median(predicted.bubbles);
  fmt::print("  {:<22} {:>9.2f} {:>9.2f} %   {:>+6.2f} points\n", "bubble", 100 * foreseen, 100 * bubble,
             100 * (foreseen - bubble));
  for (std::size_t i = 0; i < num_instruction_kinds; ++i) {
    if (measured.seconds[i].empty()) continue;
    const std::string name(kind_name(static_cast<InstructionKind>(i)));
    print_line(name, median(predicted.seconds[i]), median(measured.seconds[i]));
    print_line(name + ", without waits", median(predicted.works[i]), median(measured.works[i]));
  }
  print_line("step's end", median(predicted.ends), median(measured.ends));
}

void print_ops(const Plan& plan, const DeviceModel& model, const Measured& measured) {
  const MicrobatchShape shape = StepCosts(plan, model).shape(0);
  std::map<StepShape, StepWork> works;
  for (const StageSteps& stage : plan.stages)
    for (const StepList* list : {&stage.forward, &stage.backward})
      for (const OpStep& step : *list) {
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
  const Biases biases = balanced_biases(job_of(cases[0]), num_balancing_steps);
  std::vector<Plan> plans;
  for (const Case& each : cases) plans.push_back(make_plan(job_of(each)));
  std::vector<Predicted> predicted(cases.size());
  std::vector<Measured> measured(cases.size());
  DeviceModel model;
  for (int round = 0; round < num_rounds; ++round) {
    const Job job = job_of(cases[0]);
    model = calibrate({job, measure_peaks(job, num_cores()), calibration_secs, {}}).model;
    for (std::size_t i = 0; i < cases.size(); ++i)
      predicted[i].add(replay_step(plans[i], with_links(model, plans[i].job.cluster)));
    for (int again = 0; again < num_runs; ++again)
      for (std::size_t i = 0; i < cases.size(); ++i) measure(plans[i], biases, measured[i], ops);
  }
  fmt::print("calibrated: latency {:.1f} us, between ops {:.2f} us, instructions {:.2f} us, coordination {:.0f} us\n",
             model.local.latency_secs * 1e6, model.op_overhead_secs * 1e6, model.instruction_overhead_secs * 1e6,
             model.step_overhead_secs * 1e6);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    print_case(cases[i], predicted[i], measured[i]);
    if (ops) print_ops(plans[i], model, measured[i]);
  }
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main(int count, char** words) { return dsrun::test::run(count > 1 && std::string(words[1]) == "ops"); }
