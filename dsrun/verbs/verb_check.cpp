// dsrun check FILE: every fault of a job file at once.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/layout/stage_balance.hpp"
#include "dsl/parse.hpp"
#include "dsl/write.hpp"
#include "dsrun/verbs/verbs.hpp"
#include "models/recipe.hpp"

namespace dsrun {
namespace {

nlohmann::json to_json(const Diagnostic& fault) {
  nlohmann::json entry = {{"file", fault.place.file}, {"line", fault.place.line}, {"column", fault.place.column},
                          {"key", fault.place.key},   {"message", fault.message}, {"help", fault.help}};
  if (fault.other)
    entry["other"] = {{"file", fault.other->file},
                      {"line", fault.other->line},
                      {"column", fault.other->column},
                      {"key", fault.other->key}};
  return entry;
}

void check(const JobOptions& options, Context& context) {
  const ParseResult parsed = parse_job_file(options.file, options.overrides);
  context.exit_code = parsed.job ? exit_done : exit_job_file;
  if (options.json()) {
    nlohmann::json faults = nlohmann::json::array();
    for (const Diagnostic& fault : parsed.faults) faults.push_back(to_json(fault));
    nlohmann::json report = {{"version", 1}, {"faults", faults}};
    if (parsed.job) {
      report["job"] = to_json(with_stages(*parsed.job));
      report["recipe"] = Recipe(*parsed.job).to_json();
    }
    // File names and overrides may hold any bytes.
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (parsed.job) {
    fmt::print("{}: no faults\n", options.file);
  } else {
    std::fputs(render(parsed.faults, colour_on_stderr()).c_str(), stderr);
  }
}

}  // namespace

void add_check(CommandLine& app, Context& context) {
  auto options = std::make_shared<JobOptions>();
  Verb verb = app.add("check", "validate a job file and show all its faults; -o json also prints every value");
  options->add_to(verb);
  verb.on_use([options, &context] { check(*options, context); });
}

}  // namespace dsrun
