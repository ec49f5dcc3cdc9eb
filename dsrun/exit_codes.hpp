// Exit codes: sysexits where they exist, so that schedulers and scripts can tell what to do next.
#pragma once

namespace dsrun {

enum ExitCode : int {
  exit_done = 0,
  exit_failed = 1,
  exit_usage = 64,         // the command line
  exit_job_file = 65,      // the job file, or the data it names
  exit_cannot_place = 69,  // too few devices or too little memory
  exit_storage = 74,       // reading or writing state
  exit_stopped = 75,       // stopped with a checkpoint: start again to go on
  exit_interrupted = 130,  // SIGINT, no checkpoint
  exit_terminated = 143,   // SIGTERM, no checkpoint
};

}  // namespace dsrun
