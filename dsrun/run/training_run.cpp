#include "dsrun/run/training_run.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "actors/processes/launch/cluster.hpp"
#include "dsrun/run/feed/run_recorder.hpp"
#include "dsrun/run/feed/run_summary.hpp"
#include "dsrun/run/job_brief.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/metrics/trace.hpp"

namespace dsrun {
namespace {

constexpr std::chrono::seconds time_to_record{60};  // before a checkpoint counts
constexpr std::chrono::seconds time_for_last_events{60};
constexpr std::size_t recorder_capacity = 4096;  // events: minutes of steps on a disk that hangs

void say_line(const RunOptions& options, const std::string& line) {
  if (options.say) options.say(line);
}

// FLOP/s of as many cores as the job's devices can use; 0, unknown, for fp64, whose products are for tests.
double machine_peak(const Job& job) {
  if (job.precision.compute == Precision::fp64) return 0;
  const int threads = job.world_size() * job.cluster.threads_per_device;
  return measure_gemm_peak(job.precision.compute, std::min(threads, num_cores()));
}

std::shared_ptr<RunSummary> make_summary(const Preflight& preflight, double peak_flops) {
  std::vector<MemoryByClass> planned;
  std::vector<std::int64_t> peaks;
  for (std::size_t r = 0; r < preflight.memory.size(); ++r) {
    const RankMemory& rank = preflight.memory[r];
    planned.push_back({rank.weights, rank.gradients, rank.optimizer, rank.saved, rank.working, rank.routed,
                       rank.messages, rank.scratch});
    peaks.push_back(rank.peak);
  }
  return std::make_shared<RunSummary>(std::move(planned), std::move(peaks), peak_flops,
                                      preflight.plan->job.model.dense_layers);
}

// Whether the file's folder is there, or will be once the run's is made: known before anything is moved or written.
bool can_hold(const std::string& file, const std::string& run_dir) {
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path().lexically_normal();
  return std::filesystem::is_directory(folder) || folder == std::filesystem::absolute(run_dir).lexically_normal();
}

LaunchOptions launch_options(const PreparedRun& run, double peak_flops) {
  const Preflight& preflight = run.preflight;
  LaunchOptions launched;
  launched.plan = preflight.plan;
  launched.loader = loader_from(preflight.loader, run.job(), run.folder.from);
  launched.run_dir = run.folder.path;
  launched.resume_from = run.folder.from;
  launched.initialise = initialiser(preflight.pretrained, run.job().model);
  if (preflight.pretrained) launched.initial_biases = load_biases(*preflight.pretrained, run.job().model);
  launched.peak_flops = peak_flops;
  return launched;
}

JobOutcome run_in_processes(const PreparedRun& run, const LaunchOptions& launched, JobControl& control) {
  JobBrief brief;
  brief.job = run.job();
  brief.run_dir = std::filesystem::absolute(launched.run_dir).lexically_normal().string();
  if (launched.resume_from) brief.resume_from = launched.resume_from->step();
  brief.text = run.preflight.loader->text_fingerprint();
  brief.with_spans = static_cast<bool>(launched.on_span);
  ProcessOptions processes;
  processes.brief = to_text(brief);
  for (int rank = 0; rank < run.preflight.plan->mesh.size(); ++rank)
    processes.rank_bytes.push_back(run.preflight.memory[static_cast<std::size_t>(rank)].peak);
  processes.invitation_file = launched.run_dir + "/invitation.json";
  processes.say = [&run](const std::string& line) { say_line(run.options, line); };
  return run_job_in_processes(launched, processes, control);
}

// A job whose record is incomplete has failed, whatever its devices did.
void close_feed(RunFeed& feed, RunResult& result) {
  try {
    feed.close(time_for_last_events);
  } catch (const std::exception& error) {
    JobOutcome& outcome = result.outcome;
    if (outcome.outcome == Outcome::failed || outcome.outcome == Outcome::storage_failed) return;
    outcome.outcome = dynamic_cast<const StorageError*>(&error) != nullptr ? Outcome::storage_failed : Outcome::failed;
    outcome.cause = error.what();
  }
}

void finish_trace(TraceWriter* trace, RunResult& result) {
  if (trace == nullptr || !result.outcome.all_over) return;  // a stuck device may still write to it
  try {
    trace->finish();
  } catch (const StorageError& error) {
    result.trace_fault = error.what();
  }
}

}  // namespace

std::variant<PreparedRun, Refusal> prepare_run(Job job, RunOptions options) {
  if (options.run_dir.empty()) options.run_dir = "runs/" + job.run.name;
  auto checked = check_before_launch(std::move(job));
  if (auto* refusal = std::get_if<Refusal>(&checked)) return std::move(*refusal);
  PreparedRun run{std::move(options), std::get<Preflight>(std::move(checked)), {}};
  for (const std::string& line : run.preflight.notes) say_line(run.options, line);

  const BatchLoader& loader = *run.preflight.loader;
  auto planned = plan_run_folder(run.options.run_dir, run.job(), loader.text_fingerprint(), run.options.folder);
  if (auto* refusal = std::get_if<Refusal>(&planned)) return std::move(*refusal);
  run.folder = std::get<FolderPlan>(std::move(planned));
  const std::optional<SavedState>& from = run.folder.from;
  const bool validated = loader.num_validation_batches() == 0 || (from && from->validated);
  run.complete = from && from->step() >= run.job().run.steps && validated;
  if (run.complete) {
    say_line(run.options, fmt::format("{} is complete, with {} steps; raise job.steps with --resume, or --restart",
                                      run.options.run_dir, from->step()));
  } else if (!run.options.trace.empty() && !can_hold(run.options.trace, run.options.run_dir)) {
    return Refusal{exit_storage, fmt::format("cannot write {}: its folder does not exist", run.options.trace)};
  }
  return run;
}

RunResult run_prepared(const PreparedRun& run, JobControl& control, const std::vector<ListenerSlot>& listeners) {
  const RunFolder folder(run.folder, run.job());
  if (!folder.moved_to().empty()) say_line(run.options, fmt::format("moved the old run to {}", folder.moved_to()));
  for (const std::string& line : run.folder.notes) say_line(run.options, line);
  const std::int64_t first_step = run.folder.from ? run.folder.from->step() : 0;
  if (run.folder.from) say_line(run.options, fmt::format("resuming from the checkpoint of step {}", first_step));

  const auto summary = make_summary(run.preflight, machine_peak(run.job()));
  const auto recorder = std::make_shared<RunRecorder>(run.folder.path);
  recorder->event("started", first_step);
  const auto owned_feed = std::make_shared<RunFeed>();
  RunFeed& feed = *owned_feed;
  feed.add({recorder, WhenFull::fail, recorder_capacity});
  feed.add({summary, WhenFull::fail, recorder_capacity});
  for (const ListenerSlot& slot : listeners) feed.add(slot);

  LaunchOptions launched = launch_options(run, summary->peak_flops());
  launched.on_progress = [&feed](const Progressed& progress) { feed.publish(progress); };
  // Else a run that is killed and resumed would lack lines of steps that its checkpoint holds.
  launched.before_commit = [owned_feed] { owned_feed->catch_up(time_to_record); };
  const auto trace = run.options.trace.empty() ? nullptr : std::make_shared<TraceWriter>(run.options.trace);
  if (trace) launched.on_span = [trace](int rank, const DeviceSpan& span) { trace->add(rank, span); };

  RunResult result;
  result.in_processes = run.job().cluster.isolation == Isolation::process;
  result.outcome = result.in_processes ? run_in_processes(run, launched, control) : run_job(launched, control);
  close_feed(feed, result);
  result.must_exit = !feed.all_ended() || !result.outcome.all_over;
  result.summary = summary->text();
  finish_trace(trace.get(), result);
  return result;
}

std::variant<RunResult, Refusal> run_in_folder(Job job, RunOptions options, JobControl& control,
                                               const std::vector<ListenerSlot>& listeners) {
  auto prepared = prepare_run(std::move(job), std::move(options));
  if (auto* refusal = std::get_if<Refusal>(&prepared)) return std::move(*refusal);
  const auto& run = std::get<PreparedRun>(prepared);
  if (!run.complete) return run_prepared(run, control, listeners);
  RunResult result;
  result.outcome.outcome = Outcome::completed;
  result.outcome.steps = run.folder.from->step();
  result.outcome.checkpoint = run.folder.from->step();
  return result;
}

int RunResult::exit_code(int stop_signal) const {
  const int interrupted = 128 + stop_signal;
  if (!trace_fault.empty()) return exit_storage;
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

}  // namespace dsrun
