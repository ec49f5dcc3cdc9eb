// dsrun: the program. `dsrun FILE` means `dsrun run FILE`.
#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>

#include <fmt/format.h>

#include "dsl/text/suggest.hpp"
#include "dsl/text/utf8.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {
namespace {

struct VerbRow {
  const char* name;
  void (*add)(CommandLine&, Context&);
};
constexpr std::array verbs = {VerbRow{"run", add_run},           VerbRow{"check", add_check},
                              VerbRow{"plan", add_plan},         VerbRow{"schema", add_schema},
                              VerbRow{"init", add_init},         VerbRow{"import", add_import},
                              VerbRow{"export", add_export},     VerbRow{"eval", add_eval},
                              VerbRow{"generate", add_generate}, VerbRow{"tokenizer", add_tokenizer},
                              VerbRow{"tokenize", add_tokenize}, VerbRow{"calibrate", add_calibrate},
                              VerbRow{"doctor", add_doctor},     VerbRow{"agent", add_agent},
                              VerbRow{"device", add_device},     VerbRow{"probe", add_probe}};

bool is_verb(const std::string& word) {
  return std::any_of(verbs.begin(), verbs.end(), [&](const VerbRow& verb) { return word == verb.name; });
}

bool is_option(const std::string& word) { return word.starts_with('-'); }

// Where the program's own options end.
std::size_t first_of_verb(const std::vector<std::string>& words) {
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with("--log-level")) at += words[at] == "--log-level" ? 2 : 1;
  return std::min(at, words.size());
}

// `dsrun FILE` and `dsrun --set … FILE` are `dsrun run …`: adds the verb. A mistyped verb is a usage error.
int add_implied_run(std::vector<std::string>& words, const CommandLine& app) {
  const auto first = words.begin() + static_cast<std::ptrdiff_t>(first_of_verb(words));
  if (first == words.end() || is_verb(*first)) return exit_done;
  const bool file = first->find_first_of("./") != std::string::npos || std::filesystem::exists(*first);
  const bool options_of_run = is_option(*first) && std::any_of(first, words.end(), std::not_fn(is_option));
  const bool known = file || is_option(*first);
  if (file || options_of_run) words.insert(first, "run");
  if (known) return exit_done;
  std::vector<std::string> names;
  for (const VerbRow& verb : verbs) names.emplace_back(verb.name);
  const std::string near = nearest(*first, names);
  fmt::print(stderr, "dsrun: \"{}\" is not a verb and not a file{}\n\n{}", printable(*first),
             near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near), app.help());
  return exit_usage;
}

int run(int argc, char** argv) {
  Context context;
  CommandLine app("dsrun", "dsrun trains DeepSeek-V3-class mixture-of-experts models. `dsrun FILE` launches a job.",
                  std::string("dsrun ") + DSRUN_VERSION);
  app.option("--log-level", context.log_level, "how much to print: warn, info or debug (every step)")
      .one_of({"warn", "info", "debug"});
  for (const VerbRow& verb : verbs) verb.add(app, context);
  std::vector<std::string> words(argv + 1, argv + argc);
  if (const int code = add_implied_run(words, app); code != exit_done) return code;
  return app.parse(words).value_or(context.exit_code);
}

}  // namespace
}  // namespace dsrun

int main(int argc, char** argv) {
  for (int file : {0, 1, 2})  // else the next file that is opened would take a closed stream's place
    if (fcntl(file, F_GETFD) < 0) open("/dev/null", O_RDWR);
  try {
    return dsrun::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "dsrun: {}\n", error.what());
    return dsrun::exit_failed;
  }
}
