#include "actors/calibrate.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <set>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "actors/launch.hpp"
#include "dsl/device_kind.hpp"
#include "dsl/keys/choices.hpp"
#include "models/costs.hpp"
#include "runtime/calibration/random_tokens.hpp"
#include "runtime/machine/peak.hpp"

namespace dsrun {
namespace {

constexpr int skipped_steps = 1;                            // they make primitives and touch memory first
constexpr int least_steps = 2;                              // after these
constexpr std::array factors = {1.0, 0.5, 0.25, 2.0, 4.0};  // of the job's microbatch, the most wanted first
constexpr std::array microbatches = {4, 2, 1};              // of a step: as many as there is time for
constexpr double share_of_peak = 0.5;  // that a step may be expected to reach, to see what there is time for

struct MeshShape {
  int pipeline = 1, data = 1, expert = 1;
};

// The job on another mesh with other microbatches, and without what is not to be measured: files, checkpoints,
// validation, links. Weights stand nearly still while the biases spread the load, so that experts are used evenly.
Job altered(const Job& job, MeshShape mesh, int sequences, int num_microbatches) {
  Job out = job;
  out.run = {.name = job.run.name, .steps = 1'000'000, .seed = job.run.seed};
  out.model.init_from.clear();
  out.parallel = {
      .pipeline = mesh.pipeline, .data = mesh.data, .expert = mesh.expert, .schedule = "1f1b", .layers_per_stage = {}};
  if (static_cast<int>(job.parallel.layers_per_stage.size()) == mesh.pipeline)
    out.parallel.layers_per_stage = job.parallel.layers_per_stage;
  out.batch = {.sequences = sequences * num_microbatches * mesh.data,
               .length = job.batch.length,
               .microbatches = num_microbatches};
  out.data = {};
  out.optimizer.lr = out.optimizer.final_lr = out.optimizer.last_lr = 1e-6;
  out.optimizer.warmup_steps = 0;
  out.optimizer.constant_tokens = out.optimizer.decay_tokens = out.optimizer.final_tokens = 0;
  out.balance.bias_speed = out.balance.bias_speed_late = 0.02;
  out.cluster.nodes = {
      NodeSpec{.host = "localhost", .devices = mesh.pipeline * mesh.data, .kind = std::string(cpu_kind)}};
  out.cluster.link = {};
  return out;
}

// Devices that run at once: as many as the job has, if there are cores for them.
int devices_of(const Job& job, int cores) {
  return std::max(1, std::min(job.world_size(), cores / job.cluster.threads_per_device));
}

std::vector<MeshShape> meshes_of(const Job& job, int cores) {
  const int devices = devices_of(job, cores);
  const int pipeline = std::min({job.parallel.pipeline, devices, job.model.layers});
  const int expert = job.model.moe_layers() > 0 && job.model.experts % 2 == 0 ? 2 : 1;
  std::vector<MeshShape> meshes;
  if (pipeline > 1 || devices == 1) meshes.push_back({pipeline, devices / pipeline, 1});
  if (devices > 1) meshes.push_back({1, devices / expert * expert, expert});
  return meshes;
}

class Runner {
 public:
  Runner(const CalibrationJob& of, int cores) : seconds_(of.seconds) {
    run_.plan = std::make_shared<Plan>(make_plan(of.job));
    run_.is_own_size = of.is_own_size;
    const int window = of.job.batch.length + 2 + of.job.model.mtp_depth;
    const std::int64_t size = static_cast<std::int64_t>(of.job.batch.sequences + 1) * 16 * window;
    options_.plan = run_.plan;
    options_.loader =
        std::make_shared<BatchLoader>(of.job, std::make_shared<RandomTokens>(of.job.model.vocab_size, size));
    options_.cores = cores;
    spans_.resize(static_cast<std::size_t>(run_.plan->mesh.size()));
    options_.on_span = [this](int rank, const DeviceSpan& span) {
      spans_[static_cast<std::size_t>(rank)].push_back(span);
    };
    options_.on_progress = [this](const Progressed& progress) {
      if (const auto* step = std::get_if<StepFinished>(&progress)) hear(*step);
    };
  }

  CalibrationRun run() {
    start_ns_ = system_clock().wall_ns();
    const JobOutcome outcome = run_job(options_, control_);
    if (outcome.outcome != Outcome::stopped) throw std::runtime_error("a calibration job failed: " + outcome.cause);
    for (const std::vector<DeviceSpan>& rank : spans_) add_spans(run_.samples, *run_.plan, rank, skipped_steps);
    return std::move(run_);
  }

 private:
  void hear(const StepFinished& step) {
    run_.step_seconds.push_back(step.metrics.step_seconds);
    const double spent = static_cast<double>(system_clock().wall_ns() - start_ns_) * 1e-9;
    const bool over = spent + step.metrics.step_seconds / 2 >= seconds_;  // the next would end rather after it
    if (step.metrics.step >= skipped_steps + least_steps && over && !std::exchange(stopping_, true))
      control_.request_stop();
  }

  double seconds_;
  CalibrationRun run_;
  LaunchOptions options_;
  JobControl control_;
  std::vector<std::vector<DeviceSpan>> spans_;  // by rank
  std::int64_t start_ns_ = 0;
  bool stopping_ = false;
};

// What must be run of a job at least, as far as can be told before.
double least_seconds(const Job& job, double flops) {
  const double tokens = static_cast<double>(job.batch.sequences) * job.batch.length;
  const double step =
      training_flops_per_token(job.model, job.batch.length) * tokens / (flops * share_of_peak * job.world_size());
  return (skipped_steps + least_steps) * step;
}

// With as many microbatches a step as fit its part of the time.
CalibrationJob calibration_job(const CalibrationOptions& options, MeshShape mesh, int sequences, double seconds) {
  const Job& job = options.job;
  CalibrationJob made;
  made.name = fmt::format("pipeline {} x data {}, expert groups of {}, microbatches of {} x {} tokens", mesh.pipeline,
                          mesh.data, mesh.expert, sequences, job.batch.length);
  made.is_own_size = sequences == job.batch.microbatch_sequences(job.parallel.data);
  for (const int num_microbatches : microbatches) {
    made.job = altered(job, mesh, sequences, num_microbatches);
    made.seconds = least_seconds(made.job, options.peaks.flops);
    if (made.seconds <= seconds) break;
  }
  return made;
}

}  // namespace

MachinePeaks measure_peaks(const Job& job, int cores) {
  const int devices = devices_of(job, cores);
  const int threads = devices * job.cluster.threads_per_device;
  return {measure_gemm_peak(job.precision.compute, threads) / devices, measure_memory_bandwidth(threads) / devices,
          cores};
}

std::vector<CalibrationJob> calibration_jobs(const CalibrationOptions& options) {
  const int own = options.job.batch.microbatch_sequences(options.job.parallel.data);
  const std::vector<MeshShape> meshes = meshes_of(options.job, options.peaks.cores);
  const double part = options.seconds / static_cast<double>(meshes.size() * factors.size());
  std::vector<CalibrationJob> jobs;
  std::set<int> sizes;
  double left = options.seconds;
  for (const double factor : factors) {
    const int size = std::max(1, static_cast<int>(own * factor));
    if (!sizes.insert(size).second) continue;
    for (const MeshShape& mesh : meshes) {
      CalibrationJob job = calibration_job(options, mesh, size, part);
      if (!job.is_own_size && job.seconds > left) continue;
      left -= job.seconds;
      jobs.push_back(std::move(job));
    }
  }
  for (CalibrationJob& job : jobs) job.seconds += std::max(0.0, left) / static_cast<double>(jobs.size());
  return jobs;
}

Calibration calibrate(const CalibrationOptions& options) {
  std::vector<CalibrationRun> runs;
  for (const CalibrationJob& job : calibration_jobs(options)) {
    if (options.say) options.say(job.name);
    runs.push_back(Runner(job, options.peaks.cores).run());
  }
  Calibration done = fit_model(runs, options.peaks, skipped_steps);
  done.model.precision = precision_names[options.job.precision.compute];
  done.model.processor = processor_name();
  done.model.source = fmt::format("measured by dsrun calibrate on {:%F}, with the model of {}",
                                  fmt::gmtime(std::time(nullptr)), options.job.run.name);
  return done;
}

}  // namespace dsrun
