// dsrun init [FILE]: a job file to start from, every key with its default and its help.
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>

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

void init(const std::string& path, Context& context) {
  const std::string text = starter_job(name_from(path));
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
  fmt::print("{}\n", path);
}

}  // namespace

void add_init(CommandLine& app, Context& context) {
  auto path = std::make_shared<std::string>("cluster.toml");
  Verb verb = app.add("init", "write a starter job file with every key");
  verb.option("FILE", *path, "file to write; default: cluster.toml");
  verb.on_use([path, &context] { init(*path, context); });
}

}  // namespace dsrun
