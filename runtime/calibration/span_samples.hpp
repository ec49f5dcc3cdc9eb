// SpanSamples: what the spans of a running job say of the costs of its steps, of what lies between them, and of the
// step's end. Pure: spans in, samples out.
//
// Costs are CPU time, so that what else runs on the machine does not count; what lies between is wall time, whose
// median is taken later.
#pragma once

#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "models/step_work.hpp"
#include "runtime/device/device_core.hpp"

namespace dsrun {

struct StepSample {
  double rows = 0;     // of one matrix
  double seconds = 0;  // of one matrix
};

// One part of a bucket's synchronisation.
struct SyncKey {
  GradientSync::Stage stage = GradientSync::Stage::idle;
  int bucket = 0;
  auto operator<=>(const SyncKey&) const = default;
};

// When a rank's step passed its marks, in nanoseconds.
struct StepMarks {
  std::int64_t first_op = 0, reduced = 0, update_start = 0, end = 0;
};

struct SpanSamples {
  std::map<StepShape, std::vector<StepSample>> steps;
  std::map<SyncKey, std::vector<double>> sync_seconds;  // of all ranks
  std::vector<double> op_gaps;                          // between steps of an instruction
  std::vector<double> instruction_gaps;                 // between instructions
  std::vector<double> latencies;                        // from a message's sending to the idle receiver's next op
  std::vector<std::vector<StepMarks>> marks;            // [rank][step]
};

// Adds the spans of one rank, in the order in which they were observed; those of its first `skipped` steps do not
// count, since they make what later ones find made.
void add_spans(SpanSamples& samples, const Plan& plan, std::span<const DeviceSpan> spans, int skipped);

double median(std::vector<double> values);  // 0 of none
// The mean without a tenth of the values at either end: as a sum of many such costs wants it, which a median of skewed
// ones is too low for.
double trimmed_mean(std::vector<double> values);

}  // namespace dsrun
