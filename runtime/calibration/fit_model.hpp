// From samples to a DeviceModel: a point a shape and ladder rung, medians of what lies between steps, rates of the
// step's end; and efficiencies by class for shapes that were not measured.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster/forecast/devices/device_model.hpp"
#include "runtime/calibration/span_samples.hpp"

namespace dsrun {

// One job that ran for the calibration.
struct CalibrationRun {
  std::shared_ptr<const Plan> plan;
  SpanSamples samples;
  std::vector<double> step_seconds;  // of the coordinator's clock, by step
  bool is_own_size = false;          // its microbatches are those of the job that is calibrated for
};

// What the machine can do at most, of one device while all are at work.
struct MachinePeaks {
  double flops = 0;
  double memory_bytes_per_sec = 0;
  int cores = 0;
};

// A line of the table that a person reads; steps of a shape at one size.
struct CalibratedStep {
  StepShape shape;
  double rows = 0;  // of one matrix
  double seconds = 0;
  double flops = 0, bytes = 0;
  int count = 0;  // samples
};

struct Calibration {
  DeviceModel model;
  std::vector<CalibratedStep> steps;
};

Calibration fit_model(const std::vector<CalibrationRun>& runs, const MachinePeaks& peaks, int skipped_steps);

}  // namespace dsrun
