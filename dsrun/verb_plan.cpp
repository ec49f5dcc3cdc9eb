// dsrun plan FILE: what a job will be: placement, parameters, memory and traffic; its Program and op lists on demand.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/memory_plan.hpp"
#include "cluster/traffic.hpp"
#include "dsrun/verbs.hpp"
#include "models/costs.hpp"
#include "runtime/device/scratch.hpp"
#include "runtime/schedule/program_file.hpp"

namespace dsrun {
namespace {

struct PlanOptions {
  JobOptions job;
  bool program = false;
  bool program_file = false;
  bool graph = false;
};

constexpr double mib = 1024.0 * 1024.0;

std::string stages_of(const Plan& plan, int rank) {
  std::string text;
  for (int phase = 0; phase < plan.num_phases(rank); ++phase) {
    const Chunk& chunk = plan.chunk(rank, phase);
    const StageRange& range = plan.ranges[static_cast<std::size_t>(chunk.stage)];
    text += fmt::format("{}stage {} (layers {}–{})", phase == 0 ? "" : ", ", chunk.stage, range.first_layer,
                        range.last_layer - 1);
  }
  return text;
}

void print_text(const Plan& plan) {
  const Job& job = plan.job;
  fmt::print("{}: {} ranks = pipeline {} x data {}, expert groups of {}, {} with {} microbatches of {} x {} tokens\n",
             job.run.name, plan.mesh.size(), plan.mesh.pipeline, plan.mesh.data, plan.mesh.expert,
             job.parallel.schedule, job.batch.microbatches, job.batch.microbatch_sequences(plan.mesh.data),
             job.batch.length);
  const std::int64_t modules = plan.parameters - parameters_of_layers(job.model);
  fmt::print("parameters {}{} · active {} per token · {:.4g} FLOPs per token\n\n", parameters_of_layers(job.model),
             modules > 0 ? fmt::format(" and {} in prediction modules", modules) : "",
             active_parameter_count(job.model), training_flops_per_token(job.model, job.batch.length));
  const std::vector<RankMemory> memory = plan_memory(plan, device_memory(plan));
  fmt::print("{:>5}  {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  MiB\n", "rank", "weights", "gradients",
             "optimizer", "saved", "working", "routed", "messages", "scratch", "peak");
  for (std::size_t rank = 0; rank < memory.size(); ++rank) {
    const RankMemory& m = memory[rank];
    const auto in_mib = [](std::int64_t bytes) { return static_cast<double>(bytes) / mib; };
    fmt::print("{:>5}  {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f}  at {} · {}\n",
               rank, in_mib(m.weights), in_mib(m.gradients), in_mib(m.optimizer), in_mib(m.saved), in_mib(m.working),
               in_mib(m.routed), in_mib(m.messages), in_mib(m.scratch), in_mib(m.peak), m.peak_at,
               stages_of(plan, static_cast<int>(rank)));
  }
  fmt::print("routed: {} rows a rank and microbatch = mean x load_factor {}; messages: a bound\n\n", planned_rows(plan),
             job.balance.load_factor);
  fmt::print("{:>12}  {:>10} {:>10} {:>10}  MiB a step\n", "link", "pipeline", "expert", "sync");
  for (const LinkBytes& link : step_traffic(plan))
    fmt::print("{:>12}  {:>10.2f} {:>10.2f} {:>10.2f}\n", fmt::format("{} → {}", link.from, link.to),
               static_cast<double>(link.pipeline) / mib, static_cast<double>(link.expert) / mib,
               static_cast<double>(link.synchronisation) / mib);
}

void print_json(const Plan& plan) {
  nlohmann::json out = {{"version", 1},
                        {"parameters", parameters_of_layers(plan.job.model)},
                        {"mtp_parameters", plan.parameters - parameters_of_layers(plan.job.model)},
                        {"active_parameters", active_parameter_count(plan.job.model)},
                        {"flops_per_token", training_flops_per_token(plan.job.model, plan.job.batch.length)},
                        {"ranks", nlohmann::json::array()},
                        {"links", nlohmann::json::array()}};
  const std::vector<RankMemory> memory = plan_memory(plan, device_memory(plan));
  for (int rank = 0; rank < plan.mesh.size(); ++rank) {
    nlohmann::json stages = nlohmann::json::array();
    for (int phase = 0; phase < plan.num_phases(rank); ++phase) {
      const Chunk& chunk = plan.chunk(rank, phase);
      const StageRange& range = plan.ranges[static_cast<std::size_t>(chunk.stage)];
      stages.push_back({{"stage", chunk.stage},
                        {"direction", chunk.direction},
                        {"first_layer", range.first_layer},
                        {"last_layer", range.last_layer - 1}});
    }
    out["ranks"].push_back(
        {{"rank", rank}, {"stages", stages}, {"bytes", to_json(memory[static_cast<std::size_t>(rank)])}});
  }
  for (const LinkBytes& link : step_traffic(plan))
    out["links"].push_back({{"from", link.from},
                            {"to", link.to},
                            {"pipeline", link.pipeline},
                            {"expert_expected", link.expert},
                            {"synchronisation", link.synchronisation}});
  fmt::print("{}\n", out.dump(2));
}

void print_graph(const Plan& plan) {
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    const StageSteps& steps = plan.stages[stage];
    fmt::print("stage {}\n{}\nforward\n{}\nbackward\n{}\ninput gradients\n{}\nweight gradients\n{}\n", stage,
               to_string(steps.graph), to_string(steps, steps.forward), to_string(steps, steps.backward),
               to_string(steps, steps.backward_input), to_string(steps, steps.backward_weight));
  }
}

void plan_job(const PlanOptions& options, Context& context) {
  const std::optional<Job> job = options.job.load(context);
  if (!job) return;
  const Plan plan = make_plan(*job);
  if (options.program)
    fmt::print("{}", to_string(plan.program));
  else if (options.program_file)
    fmt::print("{}", write_program(plan.program));
  else if (options.graph)
    print_graph(plan);
  else if (options.job.json())
    print_json(plan);
  else
    print_text(plan);
}

}  // namespace

void add_plan(CLI::App& app, Context& context) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* verb = app.add_subcommand("plan", "placement, parameters, memory per rank and bytes per link");
  options->job.add_to(*verb);
  verb->add_flag("--program", options->program, "print the instructions of one step, a line a pipeline rank");
  verb->add_flag("--program-file", options->program_file,
                 "print them with each rank's stages, as parallel.schedule_file reads them");
  verb->add_flag("--graph", options->graph, "print every stage's op lists");
  verb->callback([options, &context] { plan_job(*options, context); });
}

}  // namespace dsrun
