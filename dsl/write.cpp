#include "dsl/write.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"

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

std::string starter_job(const std::string& name) {
  std::string text =
      "# A job for dsrun: every key with its default. `dsrun check FILE` validates it, `dsrun FILE` runs it.\n";
  std::string_view table;
  for (const Key<Job>& key : job_keys()) {
    if (key.table != table) {
      table = key.table;
      text += fmt::format("\n[{}]\n", table);
    }
    std::string value(key.default_text);
    if (key.path() == "job.name") value = json(name).dump();
    if (key.path() == "job.steps") value = "300";
    if (key.path() == "data.files") value = "[\"*.txt\"]";
    text += fmt::format("{:<32}  # {}\n", fmt::format("{} = {}", key.name, value), key.help);
  }
  text += "\n# Without it: one localhost with a device for each rank.\n# [[cluster.node]]\n";
  for (const Key<NodeSpec>& key : node_keys())
    text += fmt::format("# {:<30}  # {}\n", fmt::format("{} = {}", key.name, key.required() ? "1" : key.default_text),
                        key.help);
  return text;
}

}  // namespace dsrun
