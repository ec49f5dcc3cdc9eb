#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/state_files.hpp"
#include "dsl/parse.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {

void JobOptions::add_to(CLI::App& verb, bool with_output) {
  verb.add_option("FILE", file, "the job file (TOML)")->required();
  verb.add_option("--set", overrides,
                  "override a key of the job file: table.key=value; elements of an array by index; repeatable")
      ->type_size(1)
      ->allow_extra_args(false);
  if (with_output)
    verb.add_option("-o,--output", output, "output format: text or json")->check(CLI::IsMember({"text", "json"}));
}

std::optional<Job> JobOptions::load(Context& context) const {
  ParseResult parsed = parse_job_file(file, overrides);
  if (parsed.job) return std::move(parsed.job);
  std::fputs(render(parsed.faults, colour_on_stderr()).c_str(), stderr);
  context.exit_code = exit_job_file;
  return std::nullopt;
}

void add_ema_flag(CLI::App& verb, SavedWeights& weights) {
  verb.add_flag_callback(
      "--ema", [&weights] { weights = SavedWeights::average; },
      "use the average of the run's weights (optimizer.ema_decay)");
}

int refuse(ExitCode exit_code, const std::string& message) {
  fmt::print(stderr, "dsrun: {}\n", message);
  return exit_code;
}

namespace {

bool colour_on(int file) {
  const char* no_colour = std::getenv("NO_COLOR");
  return isatty(file) != 0 && (no_colour == nullptr || *no_colour == 0);
}

}  // namespace

bool colour_on_stderr() { return colour_on(STDERR_FILENO); }
bool colour_on_stdout() { return colour_on(STDOUT_FILENO); }

}  // namespace dsrun
