// From spans to samples, and from samples to a model, on a job whose every op takes what the test says.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "cluster/forecast/step_costs.hpp"
#include "dsl/parse.hpp"
#include "runtime/calibration/fit_model.hpp"

namespace dsrun {
namespace {

std::shared_ptr<const Plan> small_plan(int sequences) {
  const ParseResult parsed = parse_job_text(
      "[job]\nname = \"small\"\nsteps = 5\n[model]\nlayers = 2\ndense_layers = 1\nhidden = 16\nheads = 2\nexperts = "
      "4\nexperts_per_token = 2\n"
      "expert_groups = 1\ngroups_per_token = 1\n[data]\nfiles = [\"unused\"]\n",
      "small.toml", {"batch.length=8", "batch.microbatches=1", fmt::format("batch.sequences={}", sequences)});
  if (!parsed.job) throw std::runtime_error(parsed.faults[0].message);
  return std::make_shared<Plan>(make_plan(*parsed.job));
}

// One rank's spans as a device makes them: every op of a forward and a backward, then the step's end; `op_ns` each, in
// proportion to rows, with fixed gaps between.
class Spans {
 public:
  explicit Spans(const Plan& plan) : plan_(plan) {}

  void step() {
    if (now_ > 1) now_ += 1000;
    run(plan_.stages[0].forward);
    now_ += 500;  // of the next instruction
    idle(2000, 700);
    run(plan_.stages[0].backward);
    sync(GradientSync::Stage::reducing);
    now_ += 9000;
    sync(GradientSync::Stage::updating);
    sync(GradientSync::Stage::gathering);
  }
  const std::vector<DeviceSpan>& all() const { return all_; }

 private:
  void run(const StepList& list) {
    const MicrobatchShape shape = StepCosts(plan_, DeviceModel{}).shape(0);
    for (const OpStep& step : list) {
      DeviceSpan span;
      span.op = plan_.stages[0].graph.nodes[static_cast<std::size_t>(step.node)].op;
      span.pass = step.pass;
      span.part = step.part;
      span.node = step.node;
      span.rows = step_work(plan_.stages[0], step, shape).rows;
      add(span, static_cast<std::int64_t>(100 * span.rows));
      now_ += 30;
    }
    now_ -= 30;
    DeviceSpan span;
    span.what = DeviceSpan::What::instruction;
    all_.push_back(span);
  }
  void idle(std::int64_t ns, std::int64_t latency_ns) {
    DeviceSpan span;
    span.what = DeviceSpan::What::idle;
    span.start_ns = now_;
    now_ += ns;
    span.end_ns = now_;
    all_.push_back(span);
    now_ += latency_ns;
  }
  void sync(GradientSync::Stage stage) {
    for (const int bucket : plan_.layout.buckets_of(0)) {
      DeviceSpan span;
      span.what = DeviceSpan::What::optimizer;
      span.sync = stage;
      span.bucket = bucket;
      const double bytes = sync_bytes(plan_, plan_.layout.buckets[static_cast<std::size_t>(bucket)]).update;
      add(span, static_cast<std::int64_t>(2 * bytes));
    }
  }
  void add(DeviceSpan span, std::int64_t ns) {
    span.start_ns = now_;
    now_ += ns;
    span.end_ns = now_;
    span.cpu_ns = ns - ns / 10;  // the rest of the time another process had the core
    all_.push_back(span);
  }

  const Plan& plan_;
  std::int64_t now_ = 1;
  std::vector<DeviceSpan> all_;
};

CalibrationRun run_of(int sequences) {
  CalibrationRun run;
  run.plan = small_plan(sequences);
  Spans spans(*run.plan);
  for (int step = 0; step < 5; ++step) spans.step();
  add_spans(run.samples, *run.plan, spans.all(), 2);
  for (const StepMarks& marks : run.samples.marks[0])
    run.step_seconds.push_back(static_cast<double>(marks.end - marks.first_op + 40'000) * 1e-9);
  run.is_own_size = sequences == 2;
  return run;
}

TEST(SpanSamples, count_cpu_time_from_the_first_step_that_is_not_skipped) {
  const CalibrationRun run = run_of(2);
  ASSERT_EQ(run.samples.marks[0].size(), 5u);
  const StepShape attention{Op::attention, Pass::forward, Part::whole, 0, 0, 8};
  int attentions = 0;
  for (const auto& [shape, samples] : run.samples.steps) {
    if (shape.op != Op::attention || shape.pass != Pass::forward) continue;
    EXPECT_EQ(shape.length, attention.length);
    ASSERT_EQ(samples.size(), 3u * 2);  // steps × layers
    EXPECT_EQ(samples[0].rows, 16);
    EXPECT_NEAR(samples[0].seconds, 0.9 * 1600e-9, 1e-12);
    ++attentions;
  }
  EXPECT_EQ(attentions, 1);
}

TEST(SpanSamples, tell_gaps_from_waits) {
  const CalibrationRun run = run_of(2);
  EXPECT_NEAR(median(run.samples.op_gaps), 30e-9, 1e-12);
  EXPECT_NEAR(median(run.samples.latencies), 700e-9, 1e-12);
  EXPECT_EQ(run.samples.latencies.size(), 3u);
}

TEST(FitModel, has_a_point_a_size_and_knows_every_step_of_the_plan) {
  const Calibration done = fit_model({run_of(1), run_of(2), run_of(4)}, {1e9, 1e9, 2}, 2);
  const auto plan = small_plan(3);
  const MicrobatchShape shape = StepCosts(*plan, done.model).shape(0);
  for (const StepList* list : {&plan->stages[0].forward, &plan->stages[0].backward})
    for (const OpStep& step : *list) {
      const StepWork work = step_work(plan->stages[0], step, shape);
      ASSERT_TRUE(is_measured(done.model, work)) << static_cast<int>(work.op);
      EXPECT_NEAR(step_seconds(done.model, work), work.rows * 90e-9 + done.model.op_overhead_secs, 1e-9);
    }
}

TEST(FitModel, has_rates_of_the_steps_end_and_what_coordination_takes) {
  const Calibration done = fit_model({run_of(2)}, {1e9, 1e9, 2}, 2);
  EXPECT_NEAR(done.model.sync_bytes_per_sec.update, 1e9 / (2 * 0.9), 1e6);
  EXPECT_GT(done.model.sync_bytes_per_sec.sum_squares, 0);
  EXPECT_NEAR(done.model.step_overhead_secs, 49e-6, 1e-9);
  EXPECT_NEAR(done.model.local.latency_secs, 700e-9, 1e-12);
  EXPECT_GT(done.model.share(RateClass::product), 0);
}

}  // namespace
}  // namespace dsrun
