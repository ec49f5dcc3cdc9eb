// dsrun plan FILE: placement, memory, traffic and forecast of a job, without launching it. Also compares two jobs and
// searches for the fastest layout.
#include <cctype>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cluster/forecast/search.hpp"
#include "cluster/report/chart/page.hpp"
#include "cluster/report/chart/units.hpp"
#include "cluster/report/plan_difference.hpp"
#include "dsl/job_schedule.hpp"
#include "dsl/parse.hpp"
#include "dsrun/run/device_models.hpp"
#include "dsrun/verbs/text/plan_view.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "runtime/schedule/program_file.hpp"

namespace dsrun {
namespace {

struct PlanOptions {
  JobOptions job;
  bool program = false;
  bool program_file = false;
  bool graph = false;
  bool search = false;
  bool sensitivity = false;
  std::string against;
  std::string chart;
  std::string device_model;
  std::string tokens;
  double price = 0;
  std::size_t keep = 10;
};

void print_graph(const Plan& plan) {
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    const StageSteps& steps = plan.stages[stage];
    fmt::print("stage {}\n{}\nforward\n{}\nbackward\n{}\ninput gradients\n{}\nweight gradients\n{}\n", stage,
               to_string(steps.graph), to_string(steps, steps.forward), to_string(steps, steps.backward),
               to_string(steps, steps.backward_input), to_string(steps, steps.backward_weight));
  }
}

// "14.8T", "300B", "5e9": a count of tokens; nothing if it is none.
std::optional<double> read_tokens(const std::string& text) {
  std::size_t end = 0;
  double count = 0;
  try {
    count = std::stod(text, &end);
  } catch (const std::exception&) {
    return std::nullopt;
  }
  constexpr std::string_view units = "kMBT";
  if (end + 1 == text.size()) {
    const char unit = text[end] == 'G' ? 'B' : text[end] == 'K' ? 'k' : text[end];
    const std::size_t at = units.find(unit);
    if (at == std::string_view::npos) return std::nullopt;
    for (std::size_t i = 0; i <= at; ++i) count *= 1000;
    ++end;
  }
  if (end != text.size() || !(count > 0) || count > 1e18) return std::nullopt;
  return count;
}

int write_page(const PlanView& view, const std::string& file) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << schedule_page(view.plan, view.forecast, view.memory, view.model);
  out.flush();
  if (!out) return refuse(exit_storage, fmt::format("cannot write {}", file));
  fmt::print(stderr, "dsrun: wrote {}\n", file);
  return exit_done;
}

int print_difference(const PlanOptions& options, const Job& job, Context& context) {
  JobOptions other = options.job;
  other.file = options.against;
  other.overrides.clear();
  const std::optional<Job> against = other.load(context);
  if (!against) return context.exit_code;
  const PlanView before = view_plan(*against, options.device_model), after = view_plan(job, options.device_model);
  const PlanDifference difference = compare_plans(before.summary(), after.summary());
  if (options.job.json())
    fmt::print("{}\n", to_json(difference).dump(2));
  else
    fmt::print("{}", to_string(difference, colour_on_stdout()));
  return exit_done;
}

nlohmann::json to_json(const SearchResult& found) {
  nlohmann::json candidates = nlohmann::json::array();
  for (const Candidate& each : found.fastest)
    candidates.push_back({{"overrides", overrides_of(each)},
                          {"tokens_per_second", each.tokens_per_second},
                          {"step_seconds", each.step_seconds},
                          {"bubble", each.bubble},
                          {"peak_bytes", each.peak}});
  return {{"version", 1},
          {"valid", found.num_valid},
          {"too_large", found.num_too_large},
          {"bounded", found.num_bounded},
          {"replayed", found.num_replayed},
          {"fastest", candidates}};
}

int search(const PlanOptions& options, const Job& job) {
  const PlanView own = view_plan(job, options.device_model);  // gives notes, device model and capacity
  for (const std::string& note : own.notes) fmt::print(stderr, "dsrun: {}\n", note);
  const SearchResult found =
      search_plans(own.plan.job, own.model, {.keep = options.keep, .capacity = own.capacity, .scratch = scratch_of});
  if (options.job.json()) {
    fmt::print("{}\n", to_json(found).dump(2));
    return exit_done;
  }
  fmt::print("{} valid layouts: {} too large, {} slower by an estimate, {} replayed. The job as written: {} tokens/s\n",
             found.num_valid, found.num_too_large, found.num_bounded, found.num_replayed,
             count_text(own.forecast.tokens_per_second));
  fmt::print("{:>10} {:>9} {:>7} {:>10}  --set\n", "tokens/s", "step", "bubble", "peak");
  for (const Candidate& each : found.fastest)
    fmt::print("{:>10} {:>9} {:>7} {:>10}  {}\n", count_text(each.tokens_per_second), time_text(each.step_seconds),
               percent_text(each.bubble), size_text(static_cast<double>(each.peak)),
               fmt::join(overrides_of(each), " "));
  if (found.fastest.empty())
    return refuse(exit_cannot_place, "no valid mesh and schedule fits into the memory of the devices");
  return exit_done;
}

int show(const PlanOptions& options, const Job& job, double tokens) {
  const PlanView view = view_plan(job, options.device_model);
  for (const std::string& note : view.notes) fmt::print(stderr, "dsrun: {}\n", note);
  const ReportOptions report{.tokens = tokens, .price = options.price, .columns = 80, .colour = colour_on_stdout()};
  if (!options.chart.empty()) return write_page(view, options.chart);
  if (options.sensitivity)
    fmt::print("{}", sensitivity_report(view));
  else if (options.job.json())
    fmt::print("{}\n", plan_json(view, report).dump(2));
  else
    fmt::print("{}", plan_report(view, report));
  return exit_done;
}

int plan_job(const PlanOptions& options, Context& context) {
  const std::optional<Job> job = options.job.load(context);
  if (!job) return context.exit_code;
  if (options.program || options.program_file) {
    const Program program = build_program(job->parallel, job->batch.microbatches);
    fmt::print("{}", options.program ? to_string(program) : write_program(program));
    return exit_done;
  }
  if (options.graph) {
    print_graph(make_plan(*job));
    return exit_done;
  }
  double tokens = 0;
  if (!options.tokens.empty()) {
    const std::optional<double> read = read_tokens(options.tokens);
    if (!read)
      return refuse(exit_usage, fmt::format("--tokens {}: not a count such as 14.8T, 300B or 5e9", options.tokens));
    tokens = *read;
  }
  try {
    if (!options.against.empty()) return print_difference(options, *job, context);
    return options.search ? search(options, *job) : show(options, *job, tokens);
  } catch (const DeviceModelError& error) {
    return refuse(error.exit_code, error.what());
  }
}

}  // namespace

void add_plan(CommandLine& app, Context& context) {
  auto options = std::make_shared<PlanOptions>();
  Verb verb = app.add(
      "plan", "show placement, memory and traffic of a job, and forecast step time, bubble, utilisation and cost");
  options->job.add_to(verb);
  const auto add_flag = [&](const char* name, bool& flag, const char* help) { return verb.flag(name, flag, help); };
  const VerbOption program = add_flag("--program", options->program,
                                      "print the instructions of one training step, one line for each pipeline rank");
  const VerbOption file =
      add_flag("--program-file", options->program_file,
               "print the instructions with each rank's stages, in the format of parallel.schedule_file");
  const VerbOption graph = add_flag("--graph", options->graph, "print the op lists of every stage");
  const VerbOption search =
      add_flag("--search", options->search,
               "try meshes, schedules, microbatches and recomputation with the same number of devices; fastest first");
  const VerbOption sensitivity =
      add_flag("--sensitivity", options->sensitivity,
               "show how the step time depends on each constant of the device model, with its source");
  const VerbOption against =
      verb.option("--against", options->against, "another job file; show what changes from it to FILE");
  const VerbOption chart = verb.option("--chart", options->chart, "file for a chart of the training step, as HTML");
  const std::vector<VerbOption> alternatives = {program, file, graph, search, sensitivity, against, chart};
  for (std::size_t one = 0; one < alternatives.size(); ++one)
    for (std::size_t other = 0; other < alternatives.size(); ++other)
      if (one != other) alternatives[one].excludes(alternatives[other]);
  verb.option("--tokens", options->tokens, "length of the run in tokens, such as 14.8T; default: job.steps");
  verb.option("--price", options->price, "price of one device for one hour").not_negative();
  verb.option("--keep", options->keep, "number of results that --search shows").range(1, 1000);
  verb.option("--device-model", options->device_model,
              "file that `dsrun calibrate` wrote; default: its default file, or else built-in figures");
  verb.on_use([options, &context] { context.exit_code = plan_job(*options, context); });
}

}  // namespace dsrun
