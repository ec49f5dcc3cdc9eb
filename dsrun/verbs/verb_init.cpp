// dsrun init [FILE]: a job file to start from.
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "dsl/presets.hpp"
#include "dsl/write.hpp"
#include "dsrun/verbs/verbs.hpp"

namespace dsrun {
namespace {

// A run's name made of the file's: other characters than names may have become dashes.
std::string name_from(const std::string& path) {
  std::string name;
  for (const char c : std::filesystem::path(path).stem().string()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
    name += plain ? c : '-';
  }
  name.erase(0, name.find_first_not_of("-."));
  return name.empty() ? "run" : name.substr(0, 100);
}

struct InitOptions {
  std::string path = "cluster.toml";
  StarterJob starter;
};

void init(const InitOptions& options, Context& context) {
  StarterJob starter = options.starter;
  const std::string& path = options.path;
  starter.name = path == "-" ? "run" : name_from(path);
  const std::string text = starter_job(starter);
  if (path == "-") {
    fmt::print("{}", text);
    return;
  }
  if (std::filesystem::exists(path)) {
    fmt::print(stderr, "dsrun: {} exists already; dsrun init does not overwrite files\n", path);
    context.exit_code = exit_usage;
    return;
  }
  std::ofstream file(path);
  if (!(file << text) || !file.flush()) {
    fmt::print(stderr, "dsrun: cannot write {}\n", path);
    context.exit_code = exit_storage;
    return;
  }
  fmt::print(
      "wrote {0}: {1}, 300 steps on the texts beside it (*.txt)\n"
      "next: dsrun check {0}    says what is wrong with it\n"
      "      dsrun plan {0}     says what a step costs and what memory it takes\n"
      "      dsrun {0}          trains\n",
      path, starter.preset);
}

}  // namespace

void add_init(CommandLine& app, Context& context) {
  auto options = std::make_shared<InitOptions>();
  Verb verb = app.add("init", "write a job file to start from");
  verb.option("FILE", options->path, "file to write, or - to print it; default: cluster.toml");
  verb.option("--preset", options->starter.preset, "model and recipe to start from; default: deepseek-v3-tiny")
      .one_of(preset_names());
  verb.flag("--all", options->starter.all_keys, "write every key; default: those that a first job changes");
  verb.on_use([options, &context] { init(*options, context); });
}

}  // namespace dsrun
