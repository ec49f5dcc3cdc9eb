// dsrun calibrate [FILE]: measures this machine with the ops of a job. dsrun plan then forecasts with these times.
#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/calibrate.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "dsl/device_kind.hpp"
#include "dsl/parse.hpp"
#include "dsrun/run/device_models.hpp"
#include "dsrun/run/run_preflight.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "models/op_table.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/device/scratch.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

struct CalibrateOptions {
  JobOptions job;
  std::string out;
  double seconds = 30;
};

// What is measured without a job file: products of a few hundred columns, on as many devices as there are cores.
std::optional<Job> built_in_job(const std::vector<std::string>& overrides, Context& context) {
  std::vector<std::string> all = {
      "job.name=built-in",         "job.steps=1",           "model.layers=4",           "model.dense_layers=1",
      "model.hidden=256",          "model.heads=4",         "model.q_rank=96",          "model.kv_rank=64",
      "model.nope_dim=64",         "model.rope_dim=32",     "model.value_dim=64",       "model.experts=16",
      "model.experts_per_token=4", "model.expert_groups=4", "model.groups_per_token=2", "model.expert_hidden=256",
      "model.dense_hidden=768",    "batch.length=256",      "batch.microbatches=4"};
  const int devices = num_cores() > 1 ? 2 : 1;
  all.push_back(fmt::format("parallel.pipeline={}", devices));
  all.push_back(fmt::format("cluster.node.0.devices={}", devices));
  all.push_back("batch.sequences=16");
  all.insert(all.end(), overrides.begin(), overrides.end());
  ParseResult parsed =
      parse_job_text("[data]\nfiles = []\n[[cluster.node]]\nkind = \"cpu\"\n", "the built-in job", all);
  if (parsed.job) return std::move(parsed.job);
  std::fputs(render(parsed.faults, colour_on_stderr()).c_str(), stderr);
  context.exit_code = exit_job_file;
  return std::nullopt;
}

// The job as this machine would run it.
std::optional<Job> job_to_measure(const CalibrateOptions& options, Context& context) {
  std::optional<Job> job =
      options.job.file.empty() ? built_in_job(options.job.overrides, context) : options.job.load(context);
  if (!job) return std::nullopt;
  for (NodeSpec& node : job->cluster.nodes) node.kind = cpu_kind;
  job->precision.products = job->precision.saved = Products::compute;
  if (!backend_for(cpu_kind).computes_in(job->precision.compute)) {
    if (!context.quiet())
      fmt::print(stderr, "dsrun: this processor has no bf16 instructions; it is measured in fp32\n");
    job->precision.compute = Precision::fp32;
  }
  return job;
}

// Of the largest of the jobs that are run one after the other.
std::int64_t bytes_needed(const CalibrationOptions& options) {
  std::int64_t most = 0;
  for (const CalibrationJob& each : calibration_jobs(options)) {
    const Plan plan = make_plan(each.job);
    std::int64_t sum = 0;
    const MemoryPlan memory = plan_memory(plan, device_memory(plan));
    for (std::size_t rank = 0; rank < memory.size(); ++rank) sum += memory[rank].peak;
    most = std::max(most, sum);
  }
  return most;
}

std::string step_name(const StepShape& shape) {
  constexpr EnumNames<Pass, num_passes> passes({{Pass::forward, "forward"},
                                                {Pass::backward_input, "input gradient"},
                                                {Pass::backward_weight, "weight gradient"},
                                                {Pass::recompute, "recompute"}});
  constexpr EnumNames<Part, num_parts> parts(
      {{Part::whole, ""}, {Part::start, ", start"}, {Part::relay, ", relay"}, {Part::finish, ", finish"}});
  return fmt::format("{} {}{}", op_name(shape.op), passes[shape.pass], parts[shape.part]);
}

void print_table(const Calibration& done) {
  const DeviceModel& model = done.model;
  fmt::print("{:<34} {:>6} {:>6} {:>8} {:>6} {:>10} {:>15} {:>6}\n", "step", "in", "out", "rows", "calls", "us", "rate",
             "share");
  for (const CalibratedStep& step : done.steps) {
    const bool computes = step.flops > 0;
    const double rate = (computes ? step.flops : step.bytes) / step.seconds;
    const double peak = computes ? model.peak_flops : model.memory_bytes_per_sec;
    fmt::print("{:<34} {:>6} {:>6} {:>8.0f} {:>6} {:>10.1f} {:>8.2f} {:<6} {:>5.0f}%\n", step_name(step.shape),
               step.shape.in_cols, step.shape.out_cols, step.rows, step.count, step.seconds * 1e6, rate * 1e-9,
               computes ? "GFLOP/s" : "GB/s", 100 * rate / peak);
  }
  const SyncParts& sync = model.sync_bytes_per_sec;
  fmt::print("\neach device ({} cores in all): {:.1f} GFLOP/s in matrix products, {:.1f} GB/s of memory\n", model.cores,
             model.peak_flops * 1e-9, model.memory_bytes_per_sec * 1e-9);
  fmt::print("between devices: {:.1f} us from sending a message to handling it\n", model.local.latency_secs * 1e6);
  fmt::print(
      "overhead: {:.2f} us between ops, {:.2f} us between instructions, {:.0f} us of coordination a training step\n",
      model.op_overhead_secs * 1e6, (model.op_overhead_secs + model.instruction_overhead_secs) * 1e6,
      model.step_overhead_secs * 1e6);
  fmt::print(
      "end of a training step: sums of squares {:.1f}, gradient sums {:.1f}, AdamW {:.1f}, weight copies {:.1f} GB/s\n",
      sync.sum_squares * 1e-9, sync.sum * 1e-9, sync.update * 1e-9, sync.copy * 1e-9);
}

int calibrate_machine(const CalibrateOptions& options, Context& context) {
  const std::optional<Job> job = job_to_measure(options, context);
  if (!job) return context.exit_code;
  const std::string file = options.out.empty() ? default_device_model_file() : options.out;
  check_device_model_file(file);  // before the time is spent
  CalibrationOptions calibration{*job, measure_peaks(*job, num_cores()), options.seconds, {}};
  const std::int64_t needed = bytes_needed(calibration), available = available_memory_bytes();
  if (needed > available)
    return refuse(exit_cannot_place,
                  fmt::format("too little memory: measuring this model takes {:.2f} GiB, and {:.2f} GiB are available. "
                              "Measure fewer layers (--set model.layers=…): each layer costs the same",
                              static_cast<double>(needed) / (1 << 30), static_cast<double>(available) / (1 << 30)));
  if (!context.quiet())
    calibration.say = [](const std::string& line) { fmt::print(stderr, "dsrun: measuring {}\n", line); };
  const Calibration done = calibrate(calibration);
  write_device_model(done.model, file);
  if (options.job.json())
    fmt::print("{}\n", to_json(done.model).dump(2));
  else
    print_table(done);
  if (!context.quiet()) fmt::print(stderr, "dsrun: written to {}\n", file);
  return exit_done;
}

}  // namespace

void add_calibrate(CommandLine& app, Context& context) {
  auto options = std::make_shared<CalibrateOptions>();
  Verb verb = app.add("calibrate", "measure the speed of a job's ops on this machine, for dsrun plan");
  options->job.add_to(verb).required(false).help("job file whose model is measured; default: a small built-in model");
  verb.option("--out", options->out, "file for the device model; default: where dsrun plan looks for it");
  verb.option("--seconds", options->seconds, "approximate duration of the measurement, in seconds").range(0.0, 3600.0);
  verb.on_use([options, &context] {
    try {
      context.exit_code = calibrate_machine(*options, context);
    } catch (const DeviceModelError& error) {
      context.exit_code = refuse(error.exit_code, error.what());
    }
  });
}

}  // namespace dsrun
