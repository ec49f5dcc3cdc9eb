// Runs a whole job in this process, from a plan to an outcome: one actor for each device, and one coordinator. It shows
// nothing of CAF to the program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/core/coordinator_core.hpp"
#include "actors/device_setup.hpp"
#include "actors/state_files.hpp"
#include "runtime/machine/peak.hpp"

namespace dsrun {

// The handle through which any thread, such as one that handles signals, sends a request to a running job.
class JobControl {
 public:
  void request_stop();  // finish the step, save, end; a second time: end without saving
  void request_save();  // save after the running step and go on

 private:
  friend class JobRun;
  enum class Request : std::uint8_t { stop, save };
  void request(Request what);
  void attach(std::function<void(Request)> deliver);  // also delivers what was requested before

  std::mutex mutex_;
  std::vector<Request> early_;
  std::function<void(Request)> deliver_;
};

struct LaunchOptions {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const BatchLoader> loader;
  std::string run_dir;                    // where checkpoints lie; empty: nothing is saved
  std::optional<SavedState> resume_from;  // a checkpoint of the same model
  // Unless the job resumes: `initialise` replaces each device's random initial state, on that device's thread, and
  // `initial_biases` the biases.
  std::function<void(DeviceCore&)> initialise;
  std::vector<std::vector<float>> initial_biases;  // [MoE layer][expert]; empty: zeros
  double peak_flops = 0;                           // of the machine, for MFU
  int cores = num_cores();                         // with fewer cores than devices, devices share threads
  // Called on the coordinator's thread until the job has ended, then on the caller's. What it throws ends the job.
  std::function<void(const Progressed&)> on_progress;
  // Called on a thread of its own before a checkpoint counts, if there is a run_dir. What it throws ends the job as
  // storage_failed.
  std::function<void()> before_commit;
  // Called on the devices' threads.
  std::function<void(int rank, const DeviceSpan&)> on_span;
};

struct JobOutcome {
  Outcome outcome = Outcome::failed;
  std::string cause;                       // unless completed or stopped
  bool started = true;                     // false: some agents or devices did not start
  std::int64_t steps = 0;                  // made in all, earlier runs included
  std::optional<std::int64_t> checkpoint;  // the step of the last committed one
  // False: a device is stuck in an op, or a commit is stuck in the disk. Their threads live on, so the process must end
  // without cleanup.
  bool all_over = true;
};

JobOutcome run_job(const LaunchOptions& options, JobControl& control);

}  // namespace dsrun
