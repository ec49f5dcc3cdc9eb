// Runs a whole job with one process for each device: agents on the hosts, devices under them, the coordinator in this
// process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/launch.hpp"
#include "runtime/device/device_core.hpp"

namespace dsrun {

struct ProcessOptions {
  std::string brief;                     // of the job, as `dsrun device` reads it
  std::vector<std::int64_t> rank_bytes;  // planned for each rank; empty: not checked
  std::string invitation_file;           // launcher = "wait": where agents find their invitation
  std::function<void(const std::string& line)> say;
};

JobOutcome run_job_in_processes(const LaunchOptions& options, const ProcessOptions& processes, JobControl& control);

// Ends this process. After such a job it still has connections, and threads that serve them.
[[noreturn]] void end_process(int exit_code);

}  // namespace dsrun
