// Runs a whole job with a process a device: agents on the hosts, devices under them, the coordinator here.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/launch.hpp"
#include "runtime/device/device_core.hpp"

namespace dsrun {

// What a rank sent to another over the data plane.
struct LinkReport {
  int from = 0, to = 0;
  std::string transport;  // as UCX calls it: "posix", "tcp/eth0"
  std::int64_t messages = 0, bytes = 0;
};

struct ProcessOptions {
  std::string brief;                     // of the job, as `dsrun device` reads it
  std::vector<std::int64_t> rank_bytes;  // planned for each rank; empty: not checked
  std::string invitation_file;           // launcher = "wait": where agents find their invitation
  std::function<void(const std::string& line)> say;
  std::function<void(const LinkReport&)> on_link;  // in order, after the end
};

JobOutcome run_job_in_processes(const LaunchOptions& options, const ProcessOptions& processes, JobControl& control);

// Ends this process, which after such a job still has connections, and threads that serve them.
[[noreturn]] void end_process(int exit_code);

}  // namespace dsrun
