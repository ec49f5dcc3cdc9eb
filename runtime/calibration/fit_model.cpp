#include "runtime/calibration/fit_model.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "cluster/forecast/devices/device_catalog.hpp"
#include "cluster/forecast/step_costs.hpp"
#include "dsl/device_kind.hpp"
#include "models/op_table.hpp"

namespace dsrun {
namespace {

using Works = std::map<StepShape, StepWork>;

// What each shape of a plan's steps does in one microbatch.
Works works_of(const Plan& plan) {
  Works works;
  const MicrobatchShape shape = StepCosts(plan, DeviceModel{}).shape(0);
  for (const StageSteps& stage : plan.stages)
    for (const StepList* list : {&stage.forward, &stage.backward})
      for (const OpStep& step : *list) {
        const StepWork work = step_work(stage, step, shape);
        works.try_emplace(work, work);
      }
  return works;
}

// Rows differ from call to call where experts are chosen; their rate hardly does.
CalibratedStep typical(const StepShape& shape, const std::vector<StepSample>& samples, const StepWork& work) {
  std::vector<double> rows, rates;
  for (const StepSample& sample : samples) {
    rows.push_back(sample.rows);
    rates.push_back(sample.seconds / sample.rows);
  }
  CalibratedStep step{shape, median(rows), 0, 0, 0, static_cast<int>(samples.size())};
  step.seconds = trimmed_mean(rates) * step.rows;
  step.flops = work.flops * step.rows / work.rows;
  step.bytes = work.bytes * step.rows / work.rows;
  return step;
}

// Points of almost equal rows are one: else noise between them would stand for a slope.
std::vector<MeasuredOp::Point> merged(std::vector<MeasuredOp::Point> points) {
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.rows < b.rows; });
  std::vector<MeasuredOp::Point> all;
  std::size_t in_last = 0;
  for (const MeasuredOp::Point& point : points) {
    if (all.empty() || point.rows > all.back().rows * 1.1) {
      all.push_back(point);
      in_last = 1;
      continue;
    }
    const auto count = static_cast<double>(in_last++);
    all.back().rows = (all.back().rows * count + point.rows) / (count + 1);
    all.back().seconds = (all.back().seconds * count + point.seconds) / (count + 1);
  }
  return all;
}

void fit_steps(const std::vector<CalibrationRun>& runs, Calibration& out) {
  std::map<StepShape, std::vector<MeasuredOp::Point>> points;
  for (const CalibrationRun& run : runs) {
    const Works works = works_of(*run.plan);
    for (const auto& [shape, samples] : run.samples.steps) {
      const auto work = works.find(shape);
      if (work == works.end()) continue;
      out.steps.push_back(typical(shape, samples, work->second));
      points[shape].push_back({out.steps.back().rows, out.steps.back().seconds});
    }
  }
  for (auto& [shape, all] : points) out.model.measured.push_back({{shape}, merged(std::move(all))});
  const auto by_shape = [](const CalibratedStep& a, const CalibratedStep& b) {
    return std::tie(a.shape, a.rows) < std::tie(b.shape, b.rows);
  };
  std::sort(out.steps.begin(), out.steps.end(), by_shape);
}

void fit_efficiencies(const std::vector<CalibrationRun>& runs, const MachinePeaks& peaks, DeviceModel& model) {
  std::array<double, num_rate_classes> done{}, possible{};
  for (const CalibrationRun& run : runs) {
    if (!run.is_own_size) continue;
    const Works works = works_of(*run.plan);
    for (const auto& [shape, samples] : run.samples.steps) {
      const auto work = works.find(shape);
      if (work == works.end()) continue;
      const CalibratedStep step = typical(shape, samples, work->second);
      const auto of = static_cast<std::size_t>(rate_class(work->second, false));
      const bool rows = of == static_cast<std::size_t>(RateClass::rows);
      done[of] += rows ? step.bytes : step.flops;
      possible[of] += step.seconds * (rows ? peaks.memory_bytes_per_sec : peaks.flops);
    }
  }
  for (std::size_t i = 0; i < num_rate_classes; ++i)
    if (possible[i] > 0) model.efficiencies[i] = {done[i] / possible[i], "measured, over all steps of the class"};
}

// Bytes over seconds of all buckets; `of`: which part, where sums are told from sums of squares by their copies.
void fit_sync(const std::vector<CalibrationRun>& runs, DeviceModel& model) {
  SyncParts bytes, seconds;
  const auto add = [&](double SyncParts::*part, double of_bytes, double of_seconds) {
    bytes.*part += of_bytes;
    seconds.*part += of_seconds;
  };
  const auto for_each = [&](GradientSync::Stage stage, auto visit) {
    for (const CalibrationRun& run : runs)
      for (const auto& [key, samples] : run.samples.sync_seconds) {
        const Bucket& bucket = run.plan->layout.buckets[static_cast<std::size_t>(key.bucket)];
        if (key.stage == stage) visit(bucket, sync_bytes(*run.plan, bucket), trimmed_mean(samples));
      }
  };
  for_each(GradientSync::Stage::reducing, [&](const Bucket& bucket, const SyncParts& of, double secs) {
    if (bucket.ranks.size() == 1) add(&SyncParts::sum_squares, of.sum_squares, secs);
  });
  const double rate = seconds.sum_squares > 0 ? bytes.sum_squares / seconds.sum_squares : 0;
  for_each(GradientSync::Stage::reducing, [&](const Bucket& bucket, const SyncParts& of, double secs) {
    if (bucket.ranks.size() > 1)
      add(&SyncParts::sum, of.sum, std::max(0.1 * secs, secs - (rate > 0 ? of.sum_squares / rate : 0)));
  });
  for_each(GradientSync::Stage::updating,
           [&](const Bucket&, const SyncParts& of, double secs) { add(&SyncParts::update, of.update, secs); });
  for_each(GradientSync::Stage::gathering, [&](const Bucket& bucket, const SyncParts& of, double secs) {
    if (bucket.ranks.size() > 1) add(&SyncParts::copy, of.copy, secs);
  });
  for (double SyncParts::*part : {&SyncParts::sum_squares, &SyncParts::sum, &SyncParts::update, &SyncParts::copy})
    if (seconds.*part > 0) model.sync_bytes_per_sec.*part = bytes.*part / seconds.*part;
  // Without a bucket of one copy a sum of squares cannot be told from the sum before it.
  if (!(model.sync_bytes_per_sec.sum_squares > 0)) model.sync_bytes_per_sec.sum_squares = model.sync_bytes_per_sec.sum;
}

// What a step takes apart from its ranks' work: from the last sum to the first update, and all before the first op and
// after the last copy.
std::vector<double> step_overheads(const CalibrationRun& run, int skipped) {
  std::vector<double> overheads;
  for (std::size_t step = static_cast<std::size_t>(skipped); step < run.step_seconds.size(); ++step) {
    StepMarks all{std::numeric_limits<std::int64_t>::max(), 0, std::numeric_limits<std::int64_t>::max(), 0};
    bool complete = true;
    for (const std::vector<StepMarks>& rank : run.samples.marks) {
      complete = complete && step < rank.size();
      if (!complete) break;
      all.first_op = std::min(all.first_op, rank[step].first_op);
      all.reduced = std::max(all.reduced, rank[step].reduced);
      all.update_start = std::min(all.update_start, rank[step].update_start);
      all.end = std::max(all.end, rank[step].end);
    }
    if (!complete || all.first_op == 0) continue;
    const auto between = static_cast<double>(all.update_start - all.reduced) * 1e-9;
    const double outside = run.step_seconds[step] - static_cast<double>(all.end - all.first_op) * 1e-9;
    overheads.push_back(std::max(0.0, between) + std::max(0.0, outside));
  }
  return overheads;
}

void fit_overheads(const std::vector<CalibrationRun>& runs, int skipped, DeviceModel& model) {
  SpanSamples all;
  std::vector<double> steps;
  const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (const CalibrationRun& run : runs) {
    append(all.op_gaps, run.samples.op_gaps);
    append(all.instruction_gaps, run.samples.instruction_gaps);
    append(all.latencies, run.samples.latencies);
    append(steps, step_overheads(run, skipped));
  }
  model.op_overhead_secs = median(all.op_gaps);
  model.instruction_overhead_secs = std::max(0.0, median(all.instruction_gaps) - model.op_overhead_secs);
  model.local.latency_secs = median(all.latencies);
  model.step_overhead_secs = median(steps);
}

}  // namespace

Calibration fit_model(const std::vector<CalibrationRun>& runs, const MachinePeaks& peaks, int skipped_steps) {
  Calibration out;
  out.model = *catalog_model(cpu_kind);  // what is not measured, the network say, stays a guess
  out.model.peak_flops = out.model.peak_flops_fp8 = peaks.flops;
  out.model.memory_bytes_per_sec = peaks.memory_bytes_per_sec;
  out.model.cores = peaks.cores;
  fit_efficiencies(runs, peaks, out.model);
  fit_steps(runs, out);
  fit_sync(runs, out.model);
  fit_overheads(runs, skipped_steps, out.model);
  return out;
}

}  // namespace dsrun
