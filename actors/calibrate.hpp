// Calibration runs a job's own steps on this machine's devices, with microbatches of several sizes. The devices are
// actors on as many cores as the job would use. From their spans it makes the DeviceModel that the planner uses.
//
// Each size runs on up to two meshes: the job's pipeline, and expert groups of two ranks. So transfers of expert rows
// between devices are measured even if this job makes none.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/calibration/fit_model.hpp"

namespace dsrun {

// The peaks of one device while others work: as many devices run at once as the job would run on `cores` cores.
MachinePeaks measure_peaks(const Job& job, int cores);

struct CalibrationOptions {
  Job job;  // in the precision that will be measured
  MachinePeaks peaks;
  double seconds = 30;  // for all runs; a size that does not fit into them is left out, except the job's own size
  std::function<void(const std::string&)> say = {};
};

// The jobs that calibrate() runs, each with a name. The caller can check whether memory suffices for them.
struct CalibrationJob {
  std::string name;
  Job job;
  bool is_own_size = false;
  double seconds = 0;  // of running time for this job
};
std::vector<CalibrationJob> calibration_jobs(const CalibrationOptions& options);

// Throws std::runtime_error if a job fails.
Calibration calibrate(const CalibrationOptions& options);

}  // namespace dsrun
