#include "runtime/calibration/span_samples.hpp"

#include <algorithm>
#include <numeric>

namespace dsrun {
namespace {

double seconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-9; }

class Reader {
 public:
  Reader(SpanSamples& samples, const Plan& plan, int skipped) : samples_(samples), plan_(plan), skipped_(skipped) {
    samples_.marks.emplace_back();
  }

  void read(const DeviceSpan& span) {
    switch (span.what) {
      case DeviceSpan::What::op:
        return op(span);
      case DeviceSpan::What::optimizer:
        return sync(span);
      case DeviceSpan::What::idle:
        idle_end_ns_ = span.end_ns;
        return;
      case DeviceSpan::What::instruction:
        between_instructions_ = true;
        return;
      case DeviceSpan::What::wire:
        return;
    }
  }

  void finish() { end_step(); }

 private:
  bool counts() const { return step_ >= skipped_; }

  void op(const DeviceSpan& span) {
    if (in_sync_) end_step();
    if (marks_.first_op == 0) marks_.first_op = span.start_ns;
    if (counts()) {
      gap(span.start_ns);
      const StageSteps& stage = plan_.stages[static_cast<std::size_t>(span.stage)];
      OpStep step;
      step.node = span.node;
      step.pass = span.pass;
      step.part = span.part;
      const double experts = plan_.job.model.experts / plan_.mesh.expert;
      const double matrices = span.op == Op::grouped_linear ? experts : 1;
      if (span.rows > 0)
        samples_.steps[step_shape(stage, step, plan_.job.batch.length)].push_back(
            {span.rows / matrices, seconds(span.cpu_ns) / matrices});
    }
    last_end_ns_ = span.end_ns;
    idle_end_ns_ = 0;
    between_instructions_ = false;
  }

  void gap(std::int64_t start_ns) {
    if (idle_end_ns_ != 0) {
      if (start_ns > idle_end_ns_) samples_.latencies.push_back(seconds(start_ns - idle_end_ns_));
    } else if (last_end_ns_ != 0) {
      (between_instructions_ ? samples_.instruction_gaps : samples_.op_gaps)
          .push_back(seconds(start_ns - last_end_ns_));
    }
  }

  void sync(const DeviceSpan& span) {
    in_sync_ = true;
    idle_end_ns_ = last_end_ns_ = 0;
    if (span.sync == GradientSync::Stage::reducing) marks_.reduced = span.end_ns;
    if (span.sync == GradientSync::Stage::updating && marks_.update_start == 0) marks_.update_start = span.start_ns;
    marks_.end = span.end_ns;
    if (counts()) samples_.sync_seconds[{span.sync, span.bucket}].push_back(seconds(span.cpu_ns));
  }

  void end_step() {
    samples_.marks.back().push_back(marks_);
    marks_ = {};
    in_sync_ = between_instructions_ = false;
    idle_end_ns_ = last_end_ns_ = 0;
    ++step_;
  }

  SpanSamples& samples_;
  const Plan& plan_;
  int skipped_;
  int step_ = 0;
  bool in_sync_ = false, between_instructions_ = false;
  std::int64_t last_end_ns_ = 0, idle_end_ns_ = 0;  // 0: none since
  StepMarks marks_;
};

}  // namespace

void add_spans(SpanSamples& samples, const Plan& plan, std::span<const DeviceSpan> spans, int skipped) {
  Reader reader(samples, plan, skipped);
  for (const DeviceSpan& span : spans) reader.read(span);
  reader.finish();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double trimmed_mean(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::ptrdiff_t>(values.size() / 10);
  const auto kept = static_cast<std::ptrdiff_t>(values.size()) - 2 * cut;
  return std::accumulate(values.begin() + cut, values.end() - cut, 0.0) / static_cast<double>(kept);
}

}  // namespace dsrun
