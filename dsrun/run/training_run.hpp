// A job's run in a folder, from its checks to its summary: all that `dsrun run` does, for any program to call.
//
// prepare_run() looks and decides, and changes nothing. run_prepared() makes the folder, launches the job and records
// it. Neither reads options, prints, or handles signals.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "actors/launch.hpp"
#include "dsrun/exit_codes.hpp"
#include "dsrun/run/feed/run_feed.hpp"
#include "dsrun/run/run_folder.hpp"
#include "dsrun/run/run_preflight.hpp"

namespace dsrun {

struct RunOptions {
  std::string run_dir;  // "": runs/NAME
  std::string trace;    // file for a trace in Chrome's format; "": none
  FolderFlags folder;
  // Takes lines for a person, from several threads; empty: nobody reads them.
  std::function<void(const std::string& line)> say;
};

struct PreparedRun {
  RunOptions options;  // run_dir filled in
  Preflight preflight;
  FolderPlan folder;
  bool complete = false;  // the folder holds all steps already

  const Job& job() const { return preflight.plan->job; }
};

// A refusal has the exit code and the reason.
std::variant<PreparedRun, Refusal> prepare_run(Job job, RunOptions options);

struct RunResult {
  JobOutcome outcome;
  std::string summary;        // lines, each with its line feed; "": no step was made
  std::string trace_fault;    // why the trace could not be written; "": it was, or none was wanted
  bool must_exit = false;     // threads still run: the process has to end without cleanup
  bool in_processes = false;  // connections are still open: the process has to end by end_process()

  // `stop_signal`: the signal that asked the job to stop; 0: none did.
  int exit_code(int stop_signal) const;
};

// Blocks until the job has ended. Throws StorageError where the folder or its files cannot be made; a later fault is in
// the result.
RunResult run_prepared(const PreparedRun& run, JobControl& control, const std::vector<ListenerSlot>& listeners = {});

// Both. The result of a run that was complete before has no summary.
std::variant<RunResult, Refusal> run_in_folder(Job job, RunOptions options, JobControl& control,
                                               const std::vector<ListenerSlot>& listeners = {});

}  // namespace dsrun
