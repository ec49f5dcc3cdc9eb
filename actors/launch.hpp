// Runs a whole job in this process: an actor a device, one coordinator, from a plan to an outcome. The only door to
// actors/ that the program needs; nothing of CAF shows.
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

// The handle by which any thread, one that handles signals say, asks a running job for something.
class JobControl {
 public:
  void request_stop();  // finish the step, save, end; a second time: end without saving
  void request_save();  // save after the running step and go on

 private:
  friend class JobRun;
  enum class Request : std::uint8_t { stop, save };
  void request(Request what);
  void attach(std::function<void(Request)> deliver);  // delivers what was requested before, too

  std::mutex mutex_;
  std::vector<Request> early_;
  std::function<void(Request)> deliver_;
};

struct LaunchOptions {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const BatchLoader> loader;
  std::string run_dir;                    // where checkpoints lie; empty: saves count for nothing
  std::optional<SavedState> resume_from;  // a checkpoint of the same model
  // Unless resuming: puts other initial state in place of the random one, on every device's thread, and the biases.
  std::function<void(DeviceCore&)> initialise;
  std::vector<std::vector<float>> initial_biases;  // [MoE layer][expert]; empty: zeros
  double peak_flops = 0;                           // of the machine, for MFU
  int cores = num_cores();                         // with fewer of them than devices, devices share threads
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
  bool started = true;                     // false: not all agents and devices came to be there
  std::int64_t steps = 0;                  // made in all, by earlier runs too
  std::optional<std::int64_t> checkpoint;  // the step of the last committed one
  // False: a device is stuck in an op, or the disk in a commit; their threads live on, so end the process without
  // cleanup.
  bool all_over = true;
};

JobOutcome run_job(const LaunchOptions& options, JobControl& control);

}  // namespace dsrun
