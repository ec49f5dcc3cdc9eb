#include "dsl/write.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"
#include "dsl/presets.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

// The value of a key in its owner, as JSON.
template <class Owner>
json value_of(const Owner& owner, const Key<Owner>& key) {
  // Fields are reached through references to a mutable owner; nothing is changed.
  Owner& open = const_cast<Owner&>(owner);
  return std::visit(
      [&](const auto& field) -> json {
        using F = std::decay_t<decltype(field)>;
        if constexpr (std::is_same_v<F, Choice<Owner>>) {
          return field.names[static_cast<std::size_t>(field.get(owner))];
        } else if constexpr (std::is_same_v<F, Vocabulary<Owner>>) {
          const int size = field.get(owner);
          return size == 0 ? json("byte") : json(size);
        } else if constexpr (std::is_same_v<F, Selection<Owner>>) {
          if (field.everything.flag(open)) return field.everything.name;
          json names = json::array();
          for (const auto& item : field.items)
            if (item.flag(open)) names.push_back(item.name);
          return names;
        } else if constexpr (std::is_same_v<F, Word<Owner>>) {
          return field.field(open);
        } else {
          return field(open);
        }
      },
      key.field);
}

// The object of a table, whose name may be that of one inside another: "cluster.link".
json& table_in(json& tables, std::string_view name) {
  const std::size_t dot = name.find('.');
  json& outer = tables[std::string(name.substr(0, dot))];
  return dot == std::string_view::npos ? outer : table_in(outer, name.substr(dot + 1));
}

std::string toml_text(const json& value) {
  if (!value.is_number_float()) return value.dump();  // JSON's strings, integers, booleans and arrays of these are TOML
  const std::string text = fmt::format("{}", value.get<double>());
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string_view default_of(const Key<Job>& key, std::string_view preset) {
  return default_under(preset, key.path(), key.default_text, key.preset_text);
}

// Whether a short job file has the key: those that a first job changes, unless the preset sets them.
bool starts_with(const Key<Job>& key, std::string_view preset) {
  constexpr std::array<std::string_view, 10> first = {
      "job.name",        "job.steps",       "model.preset", "parallel.pipeline",  "parallel.data",
      "parallel.expert", "batch.sequences", "batch.length", "batch.microbatches", "data.files"};
  return std::find(first.begin(), first.end(), key.path()) != first.end() &&
         default_of(key, preset) == key.default_text;
}

std::string starter_value(const Key<Job>& key, const StarterJob& starter) {
  const std::string path = key.path();
  if (path == "job.name") return json(starter.name).dump();
  if (path == "job.steps") return "300";
  if (path == "model.preset") return json(starter.preset).dump();
  if (path == "data.files") return "[\"*.txt\"]";
  return std::string(default_of(key, starter.preset));
}

}  // namespace

std::string to_toml(const Job& job) {
  std::string text;
  std::string_view table;
  for (const Key<Job>& key : job_keys()) {
    if (key.path() == "parallel.schedule" && job.parallel.from_file()) continue;
    if (key.table != table) {
      table = key.table;
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", table);
    }
    text += fmt::format("{} = {}\n", key.name, toml_text(value_of(job, key)));
  }
  for (const NodeSpec& node : job.cluster.nodes) {
    text += "\n[[cluster.node]]\n";
    for (const Key<NodeSpec>& key : node_keys())
      text += fmt::format("{} = {}\n", key.name, toml_text(value_of(node, key)));
  }
  return text;
}

json to_json(const Job& job) {
  json tables;
  for (const Key<Job>& key : job_keys()) table_in(tables, key.table)[std::string(key.name)] = value_of(job, key);
  for (const NodeSpec& node : job.cluster.nodes) {
    json entry;
    for (const Key<NodeSpec>& key : node_keys()) entry[std::string(key.name)] = value_of(node, key);
    tables["cluster"]["node"].push_back(std::move(entry));
  }
  return tables;
}

std::string starter_job(const StarterJob& starter) {
  std::string text = fmt::format(
      "# `dsrun check FILE` says what is wrong with this job, `dsrun plan FILE` what it costs; "
      "`dsrun FILE` runs it.\n{}",
      starter.all_keys ? "" : "# All keys: `dsrun init --all FILE`, or docs/job-file.md.\n");
  std::string_view table;
  for (const Key<Job>& key : job_keys()) {
    if (!starter.all_keys && !starts_with(key, starter.preset)) continue;
    if (key.table != table) {
      table = key.table;
      text += fmt::format("\n[{}]\n", table);
    }
    text += fmt::format("{:<32}  # {}\n", fmt::format("{} = {}", key.name, starter_value(key, starter)), key.help);
  }
  text += "\n# Without it: one localhost with a device for each rank.\n# [[cluster.node]]\n";
  for (const Key<NodeSpec>& key : node_keys())
    if (starter.all_keys || key.required())
      text += fmt::format("# {:<30}  # {}\n", fmt::format("{} = {}", key.name, key.required() ? "1" : key.default_text),
                          key.help);
  return text;
}

}  // namespace dsrun
