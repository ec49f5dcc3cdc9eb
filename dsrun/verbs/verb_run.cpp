// dsrun run FILE, or dsrun FILE: trains a job on this machine, from its checks to its closing summary.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/launch.hpp"
#include "actors/processes/launch/cluster.hpp"
#include "dsrun/run/job_brief.hpp"
#include "dsrun/run/run_folder.hpp"
#include "dsrun/run/run_preflight.hpp"
#include "dsrun/run/run_recorder.hpp"
#include "dsrun/run/run_signals.hpp"
#include "dsrun/run/run_summary.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/metrics/trace.hpp"

namespace dsrun {
namespace {

struct RunOptions {
  JobOptions job;
  std::string run_dir;  // "": runs/NAME
  std::string trace;
  FolderFlags folder;
};

void say(const Context& context, const std::string& line) {
  if (!context.quiet()) std::fputs(fmt::format("dsrun: {}\n", line).c_str(), stderr);
}

int refuse(const Refusal& refusal) { return refuse(refusal.exit_code, refusal.message); }

// FLOP/s of as many cores as the job's devices can use; 0, unknown, for fp64, whose products are for tests.
double machine_peak(const Job& job) {
  if (job.precision.compute == Precision::fp64) return 0;
  const int threads = job.world_size() * job.cluster.threads_per_device;
  return measure_gemm_peak(job.precision.compute, std::min(threads, num_cores()));
}

RunSummary make_summary(const Preflight& preflight, double peak_flops) {
  std::vector<MemoryByClass> planned;
  std::vector<std::int64_t> peaks;
  for (std::size_t r = 0; r < preflight.memory.size(); ++r) {
    const RankMemory& rank = preflight.memory[r];
    planned.push_back({rank.weights, rank.gradients, rank.optimizer, rank.saved, rank.working, rank.routed,
                       rank.messages, rank.scratch});
    peaks.push_back(rank.peak);
  }
  return {std::move(planned), std::move(peaks), peak_flops, preflight.plan->job.model.dense_layers};
}

int exit_code_of(const JobOutcome& outcome, int stop_signal) {
  const int interrupted = 128 + stop_signal;
  if (!outcome.started) return outcome.outcome == Outcome::aborted ? interrupted : exit_cannot_place;
  switch (outcome.outcome) {
    case Outcome::completed:
      return exit_done;
    case Outcome::stopped:
      return outcome.checkpoint ? exit_stopped : interrupted;
    case Outcome::aborted:
      return interrupted;
    case Outcome::failed:
      return exit_failed;
    case Outcome::storage_failed:
      return exit_storage;
  }
  return exit_failed;
}

void tell_end(const Context& context, const JobOutcome& outcome, const std::string& run_dir) {
  switch (outcome.outcome) {
    case Outcome::completed:
      return say(context, fmt::format("complete: {} steps; {}", outcome.steps, run_dir));
    case Outcome::stopped:
      return say(context, outcome.checkpoint
                              ? fmt::format("stopped after step {}; the same command goes on from there", outcome.steps)
                              : std::string("stopped before the first step; nothing to save"));
    case Outcome::aborted:
    case Outcome::failed:
    case Outcome::storage_failed:
      std::fputs(
          fmt::format("dsrun: {}: {}\n", outcome.outcome == Outcome::aborted ? "aborted" : "failed", outcome.cause)
              .c_str(),
          stderr);
  }
}

// Whether the file's folder is there, or will be once the run's is made: known before anything is moved or written.
bool can_hold(const std::string& file, const std::string& run_dir) {
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path().lexically_normal();
  return std::filesystem::is_directory(folder) || folder == std::filesystem::absolute(run_dir).lexically_normal();
}

JobOutcome run_in_processes(const Context& context, const Preflight& preflight, const LaunchOptions& launched,
                            JobControl& control) {
  JobBrief brief;
  brief.job = preflight.plan->job;
  brief.run_dir = std::filesystem::absolute(launched.run_dir).lexically_normal().string();
  if (launched.resume_from) brief.resume_from = launched.resume_from->step();
  brief.text = preflight.loader->text_fingerprint();
  brief.with_spans = static_cast<bool>(launched.on_span);
  ProcessOptions processes;
  processes.brief = to_text(brief);
  for (int rank = 0; rank < preflight.plan->mesh.size(); ++rank)
    processes.rank_bytes.push_back(preflight.memory[static_cast<std::size_t>(rank)].peak);
  processes.invitation_file = launched.run_dir + "/invitation.json";
  processes.say = [&context](const std::string& line) { say(context, line); };
  return run_job_in_processes(launched, processes, control);
}

int launch(const RunOptions& options, const Context& context, const Preflight& preflight,
           const FolderPlan& folder_plan) {
  const Job& job = preflight.plan->job;
  std::signal(SIGPIPE, SIG_IGN);  // nobody may listen to the end; the run goes on
  stop_at_shortened_files();
  JobControl control;
  const SignalWatcher signals(control);  // before any other thread, so that all of them leave signals to it
  const RunFolder folder(folder_plan, job);
  if (!folder.moved_to().empty()) say(context, fmt::format("moved the old run to {}", folder.moved_to()));
  for (const std::string& line : folder_plan.notes) say(context, line);
  if (folder_plan.from) say(context, fmt::format("resuming from the checkpoint of step {}", folder_plan.from->step()));

  RunSummary summary = make_summary(preflight, machine_peak(job));
  const auto progress = std::make_unique<Progress>(stderr, isatty(STDERR_FILENO) != 0, job.run.steps);
  if (context.verbose()) progress->show_every_step();
  RunRecorder recorder(folder_plan.path, job.model.byte_vocab, summary, context.quiet() ? nullptr : progress.get());
  recorder.event("started", folder_plan.from ? folder_plan.from->step() : 0);

  LaunchOptions launched;
  launched.plan = preflight.plan;
  launched.loader = loader_from(preflight.loader, job, folder_plan.from);
  launched.run_dir = folder_plan.path;
  launched.resume_from = folder_plan.from;
  launched.initialise = initialiser(preflight.pretrained, job.model);
  if (preflight.pretrained) launched.initial_biases = load_biases(*preflight.pretrained, job.model);
  launched.peak_flops = summary.peak_flops();
  launched.on_progress = [&](const Progressed& progressed) { recorder.hear(progressed); };
  auto trace = options.trace.empty() ? nullptr : std::make_shared<TraceWriter>(options.trace);
  if (trace) launched.on_span = [trace](int rank, const DeviceSpan& span) { trace->add(rank, span); };

  const JobOutcome outcome = job.cluster.isolation == Isolation::thread
                                 ? run_job(launched, control)
                                 : run_in_processes(context, preflight, launched, control);
  progress->end();
  std::fputs(summary.text().c_str(), stdout);
  std::fflush(stdout);
  tell_end(context, outcome, folder_plan.path);
  const int exit_code = exit_code_of(outcome, signals.last_stop_signal());
  if (!outcome.devices_ended) {  // a thread is stuck in an op: nothing may be taken from under it
    std::fflush(nullptr);
    _exit(exit_code);
  }
  if (trace) trace->finish();
  if (job.cluster.isolation == Isolation::process) end_process(exit_code);
  return exit_code;
}

int run(const RunOptions& options, Context& context) {
  std::optional<Job> loaded = options.job.load(context);
  if (!loaded) return context.exit_code;
  const std::string run_dir = options.run_dir.empty() ? "runs/" + loaded->run.name : options.run_dir;
  auto checked = check_before_launch(std::move(*loaded));
  if (const auto* refusal = std::get_if<Refusal>(&checked)) return refuse(*refusal);
  const auto& preflight = std::get<Preflight>(checked);
  for (const std::string& line : preflight.notes) say(context, line);
  const Job& job = preflight.plan->job;

  auto planned = plan_run_folder(run_dir, job, preflight.loader->text_fingerprint(), options.folder);
  if (const auto* refusal = std::get_if<Refusal>(&planned)) return refuse(*refusal);
  const auto& folder = std::get<FolderPlan>(planned);
  const bool validated = preflight.loader->num_validation_batches() == 0 || (folder.from && folder.from->validated);
  if (folder.from && folder.from->step() >= job.run.steps && validated) {
    say(context, fmt::format("{} is complete, with {} steps; raise job.steps with --resume, or --restart", run_dir,
                             folder.from->step()));
    return exit_done;
  }
  if (!options.trace.empty() && !can_hold(options.trace, run_dir))
    return refuse(exit_storage, fmt::format("cannot write {}: its folder is not there", options.trace));
  try {
    return launch(options, context, preflight, folder);
  } catch (const StorageError& error) {
    return refuse(exit_storage, error.what());
  }
}

constexpr const char* about_folders =
    "A run's folder that already holds a run: with a checkpoint of the same job the run goes on from it. Where keys\n"
    "differ that do not shape the saved state (job.steps, batch, data, learning rates, balance), or where there is no\n"
    "checkpoint, --resume says to go on all the same. --restart moves the old run to DIR.1, DIR.2, … and starts anew.\n"
    "\n"
    "Signals: the first INT or TERM finishes the step, saves and exits 75; the second stops without saving (130, "
    "143);\n"
    "USR1 saves and goes on. Other exit codes: 0 complete, 1 failed, 64 usage or a folder that another run holds,\n"
    "65 job file or text, 69 too little memory or no such host, 74 storage.";

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* verb = app.add_subcommand("run", "train a job; `dsrun FILE` is short for it");
  options->job.add_to(*verb, false);
  verb->add_option("--run-dir", options->run_dir, "the run's folder; default: runs/NAME");
  verb->add_option("--trace", options->trace, "write what every device did and when, in Chrome's trace format");
  CLI::Option* resume = verb->add_flag("--resume", options->folder.resume, "go on in a folder though the job changed");
  verb->add_flag("--restart", options->folder.restart, "move a folder's old run away")->excludes(resume);
  verb->footer(about_folders);
  verb->callback([options, &context] { context.exit_code = run(*options, context); });
}

}  // namespace dsrun
