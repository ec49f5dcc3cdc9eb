#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/state_files.hpp"
#include "dsl/parse.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {

VerbOption JobOptions::add_to(Verb& verb, bool with_output) {
  VerbOption file_argument = verb.option("FILE", file, "the job file (TOML)").required();
  verb.option("--set", overrides,
              "override a key of the job file: table.key=value; elements of an array by index; repeatable")
      .one_word_each();
  if (with_output) verb.option("-o,--output", output, "output format: text or json").one_of({"text", "json"});
  return file_argument;
}

std::optional<Job> JobOptions::load(Context& context) const {
  ParseResult parsed = parse_job_file(file, overrides);
  if (parsed.job) return std::move(parsed.job);
  std::fputs(render(parsed.faults, colour_on_stderr()).c_str(), stderr);
  context.exit_code = exit_job_file;
  return std::nullopt;
}

void add_ema_flag(Verb& verb, SavedWeights& weights) {
  verb.flag(
      "--ema", [&weights] { weights = SavedWeights::average; },
      "use the average of the run's weights (optimizer.ema_decay)");
}

void add_accept_option(Verb& verb, std::vector<std::string>& accept) {
  verb.option("--accept", accept,
              "key of config.json that dsrun does not know and may ignore, such as rope_scaling.note; repeatable")
      .one_word_each();
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) fmt::print(stderr, "dsrun: {}\n", note);
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
