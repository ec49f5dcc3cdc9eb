// dsrun run FILE, or dsrun FILE: trains a job. This file is only the command line; dsrun/run/training_run.hpp does it.
#include <csignal>
#include <cstdio>
#include <memory>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/processes/launch/cluster.hpp"
#include "dsrun/run/feed/progress_line.hpp"
#include "dsrun/run/run_signals.hpp"
#include "dsrun/run/training_run.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

struct RunVerbOptions {
  JobOptions job;
  RunOptions run;
};

// One write a line: several threads speak.
void print_line(const std::string& line) { std::fputs(fmt::format("dsrun: {}\n", line).c_str(), stderr); }

int refuse(const Refusal& refusal) { return refuse(refusal.exit_code, refusal.message); }

void tell_end(const RunOptions& options, const JobOutcome& outcome) {
  switch (outcome.outcome) {
    case Outcome::completed:
      if (options.say) options.say(fmt::format("complete: {} steps; {}", outcome.steps, options.run_dir));
      return;
    case Outcome::stopped:
      if (!options.say) return;
      return options.say(
          outcome.checkpoint
              ? fmt::format("stopped after step {}; the same command continues from there", outcome.steps)
              : std::string("stopped before the first step; there is nothing to save"));
    case Outcome::aborted:
      return print_line("aborted: " + outcome.cause);
    case Outcome::failed:
    case Outcome::storage_failed:
      return print_line("failed: " + outcome.cause);
  }
}

std::vector<ListenerSlot> listeners_of(const Context& context, const Job& job) {
  if (context.quiet()) return {};
  Progress progress(stderr, isatty(STDERR_FILENO) != 0, job.run.steps);
  if (context.verbose()) progress.show_every_step();
  return {{std::make_shared<ProgressLine>(progress, job.model.byte_vocab)}};
}

int launch(const PreparedRun& run, const Context& context) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader of the output may leave; the run continues
  stop_at_shortened_files();
  JobControl control;
  const SignalWatcher signals(control);  // before any other thread, so that all of them leave signals to it
  const RunResult result = run_prepared(run, control, listeners_of(context, run.job()));
  std::fputs(result.summary.c_str(), stdout);
  std::fflush(stdout);
  tell_end(run.options, result.outcome);
  if (!result.trace_fault.empty()) print_line(result.trace_fault);
  const int exit_code = result.exit_code(signals.last_stop_signal());
  if (result.must_exit) {
    std::fflush(nullptr);
    _exit(exit_code);
  }
  if (result.in_processes) end_process(exit_code);
  return exit_code;
}

int run(const RunVerbOptions& options, Context& context) {
  std::optional<Job> job = options.job.load(context);
  if (!job) return context.exit_code;
  RunOptions wanted = options.run;
  if (!context.quiet()) wanted.say = print_line;
  const auto prepared = prepare_run(std::move(*job), std::move(wanted));
  if (const auto* refusal = std::get_if<Refusal>(&prepared)) return refuse(*refusal);
  const auto& ready = std::get<PreparedRun>(prepared);
  if (ready.complete) return exit_done;
  try {
    return launch(ready, context);
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

constexpr const char* about_folders =
    "If the run's folder has a checkpoint of the same job, the run continues from it. --resume continues as well if\n"
    "keys differ that do not shape the saved state (job.steps, batch, data, learning rates, balance), or if there is\n"
    "no checkpoint. --restart moves the old run to DIR.1, DIR.2, … and starts again from step 0.\n"
    "\n"
    "Signals: the first INT or TERM finishes the step, saves and exits with 75. The second stops without saving and\n"
    "exits with 130 or 143. USR1 saves and continues.\n"
    "\n"
    "Other exit codes: 0 the run is complete, 1 it failed, 64 wrong usage or a folder in use by another run, 65 fault "
    "in\n"
    "the job file or its data, 69 too little memory or a missing host, 74 fault in reading or writing files.";

}  // namespace

void add_run(CommandLine& app, Context& context) {
  auto options = std::make_shared<RunVerbOptions>();
  Verb verb = app.add("run", "train a job; `dsrun FILE` is short for it");
  options->job.add_to(verb, false);
  verb.option("--run-dir", options->run.run_dir, "folder of the run; default: runs/NAME");
  verb.option("--trace", options->run.trace,
              "file for a trace of every device's ops over time, in Chrome's trace format");
  const VerbOption resume =
      verb.flag("--resume", options->run.folder.resume, "continue the run in the folder although the job has changed");
  verb.flag("--restart", options->run.folder.restart, "move the old run of the folder away and start again")
      .excludes(resume);
  verb.footer(about_folders);
  verb.on_use([options, &context] { context.exit_code = run(*options, context); });
}

}  // namespace dsrun
