// dsrun: the program. `dsrun FILE` means `dsrun run FILE`.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "dsl/suggest.hpp"
#include "dsrun/verbs.hpp"

namespace dsrun {
namespace {

struct Verb {
  const char* name;
  void (*add)(CLI::App&, Context&);
};
constexpr std::array verbs = {Verb{"run", add_run}, Verb{"check", add_check}, Verb{"plan", add_plan},
                              Verb{"schema", add_schema}, Verb{"init", add_init}};

bool is_verb(const std::string& word) {
  return std::any_of(verbs.begin(), verbs.end(), [&](const Verb& verb) { return word == verb.name; });
}

// The first word that is not an option, if it is no verb: a job file, or a verb mistyped.
int complete(std::vector<std::string>& words, const CLI::App& app) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--log-level") ++i;
    if (i >= words.size() || words[i][0] == '-') continue;
    if (is_verb(words[i])) return exit_done;
    const bool file_like = words[i].find_first_of("./") != std::string::npos || std::filesystem::exists(words[i]);
    if (file_like) {
      words.insert(words.begin() + static_cast<std::ptrdiff_t>(i), "run");
      return exit_done;
    }
    std::vector<std::string> names;
    for (const Verb& verb : verbs) names.emplace_back(verb.name);
    const std::string near = nearest(words[i], names);
    fmt::print(stderr, "dsrun: \"{}\" is neither a verb nor a file{}\n", words[i],
               near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near));
    fmt::print(stderr, "{}", app.help());
    return exit_usage;
  }
  return exit_done;
}

int run(int argc, char** argv) {
  Context context;
  CLI::App app("dsrun trains DeepSeek-V3-class mixture-of-experts models. `dsrun FILE` launches a job.", "dsrun");
  app.set_version_flag("--version", std::string("dsrun ") + DSRUN_VERSION);
  app.add_option("--log-level", context.log_level, "error, warn, info or debug")
      ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
  app.require_subcommand(1);
  for (const Verb& verb : verbs) verb.add(app, context);
  std::vector<std::string> words(argv + 1, argv + argc);
  if (const int code = complete(words, app); code != exit_done) return code;
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace dsrun

int main(int argc, char** argv) {
  try {
    return dsrun::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "dsrun: {}\n", error.what());
    return dsrun::exit_failed;
  }
}
