// Calibration: runs a job's own steps on this machine's devices, as actors on as many cores as it would use, with
// microbatches of several sizes, and makes of their spans the DeviceModel that plans are made with.
//
// Two meshes are run at each size: the job's pipeline, and one expert group of two, so that transfers of expert rows
// between devices are measured whether or not this job makes any.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/calibration/fit_model.hpp"

namespace dsrun {

// Of one of as many devices as the job would have at work at once on so many cores.
MachinePeaks measure_peaks(const Job& job, int cores);

struct CalibrationOptions {
  Job job;  // in the precision that will be measured
  MachinePeaks peaks;
  double seconds = 30;  // to be spent on running; sizes that would take more are left out, the job's own never
  std::function<void(const std::string&)> say = {};
};

// The jobs that are run, each with a name: for the caller to see whether memory suffices.
struct CalibrationJob {
  std::string name;
  Job job;
  bool is_own_size = false;
  double seconds = 0;  // to be spent on it
};
std::vector<CalibrationJob> calibration_jobs(const CalibrationOptions& options);

// Throws std::runtime_error if a job fails.
Calibration calibrate(const CalibrationOptions& options);

}  // namespace dsrun
