#include "dsl/write.hpp"

#include <fmt/format.h>

#include "dsl/keys.hpp"

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
        if constexpr (std::is_same_v<F, Choice>) {
          if constexpr (std::is_same_v<Owner, Job>)
            return field.names[static_cast<std::size_t>(field.get(owner))];
          else
            return {};
        } else if constexpr (std::is_same_v<F, Vocabulary>) {
          if constexpr (std::is_same_v<Owner, Job>)
            return owner.model.byte_vocab ? json("byte") : json(owner.model.vocab_size);
          else
            return {};
        } else {
          return field(open);
        }
      },
      key.field);
}

std::string toml_text(const json& value) {
  if (!value.is_number_float()) return value.dump();  // JSON's strings, integers, booleans and arrays of these are TOML
  const std::string text = fmt::format("{}", value.get<double>());
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

template <class Owner>
json schema_of(const Key<Owner>& key) {
  json schema = std::visit(
      [&](const auto& field) -> json {
        using F = std::decay_t<decltype(field)>;
        const auto ranged = [&](const char* type) {
          return json{{"type", type}, {"minimum", key.min}, {"maximum", key.max}};
        };
        if constexpr (std::is_same_v<F, Choice>)
          return {{"enum", field.names}};
        else if constexpr (std::is_same_v<F, Vocabulary>)
          return {{"anyOf", json::array({json{{"const", "byte"}}, ranged("integer")})}};
        else if constexpr (std::is_same_v<F, double& (*)(Owner&)>)
          return ranged("number");
        else if constexpr (std::is_same_v<F, bool& (*)(Owner&)>)
          return {{"type", "boolean"}};
        else if constexpr (std::is_same_v<F, std::string& (*)(Owner&)>)
          return {{"type", "string"}, {"minLength", key.min}, {"maxLength", key.max}};
        else if constexpr (std::is_same_v<F, std::vector<int>& (*)(Owner&)>)
          return {{"type", "array"}, {"items", ranged("integer")}};
        else if constexpr (std::is_same_v<F, std::vector<std::string>& (*)(Owner&)>)
          return {{"type", "array"}, {"items", {{"type", "string"}, {"minLength", 1}}}};
        else
          return ranged("integer");
      },
      key.field);
  schema["description"] = key.unit.empty() ? std::string(key.help) : fmt::format("{} ({})", key.help, key.unit);
  if (!key.default_text.empty() && key.default_text != "[]") {
    const json parsed = json::parse(key.default_text, nullptr, false);
    if (!parsed.is_discarded()) schema["default"] = parsed;
  }
  return schema;
}

template <class Owner>
json table_schema(const std::vector<Key<Owner>>& keys, std::string_view table) {
  json properties = json::object(), required = json::array();
  for (const Key<Owner>& key : keys) {
    if (key.table != table) continue;
    properties[std::string(key.name)] = schema_of(key);
    if (key.required()) required.push_back(key.name);
  }
  json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

std::string range_text(double min, double max) { return max > min ? fmt::format("{} … {}", min, max) : ""; }

template <class Owner>
std::string reference_rows(const std::vector<Key<Owner>>& keys, std::string_view table) {
  std::string text;
  for (const Key<Owner>& key : keys) {
    if (key.table != table) continue;
    const std::string type = type_name(key.field);
    const bool ranged = type.find("string") == std::string::npos || std::holds_alternative<Vocabulary>(key.field);
    std::string fallback = key.required() ? "required" : fmt::format("`{}`", key.default_text);
    if (!key.preset_text.empty() && key.preset_text != key.default_text)
      fallback += fmt::format(" (deepseek-v3: `{}`)", key.preset_text);
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", key.name, type, key.unit,
                        ranged ? range_text(key.min, key.max) : "", fallback, key.help);
  }
  return text;
}

}  // namespace

std::string to_toml(const Job& job) {
  std::string text;
  std::string_view table;
  for (const Key<Job>& key : job_keys()) {
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
  for (const Key<Job>& key : job_keys()) tables[std::string(key.table)][std::string(key.name)] = value_of(job, key);
  for (const NodeSpec& node : job.cluster.nodes) {
    json entry;
    for (const Key<NodeSpec>& key : node_keys()) entry[std::string(key.name)] = value_of(node, key);
    tables["cluster"]["node"].push_back(std::move(entry));
  }
  return tables;
}

json json_schema() {
  json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "dsrun job file"},
                 {"type", "object"},
                 {"required", {"job"}},
                 {"additionalProperties", false}};
  for (const TableHelp& table : job_tables()) {
    if (table.name == "cluster.node") {
      schema["properties"]["cluster"]["properties"]["node"] = {{"type", "array"},
                                                               {"minItems", 1},
                                                               {"items", table_schema(node_keys(), table.name)},
                                                               {"description", table.help}};
      continue;
    }
    schema["properties"][std::string(table.name)] = table_schema(job_keys(), table.name);
    schema["properties"][std::string(table.name)]["description"] = table.help;
  }
  return schema;
}

std::string reference_page() {
  std::string text =
      "# The job file\n\nMade from the key table by `dsrun schema --markdown`. An unknown key is a fault, with a "
      "suggestion; `dsrun check FILE` reports every fault at once.\n";
  for (const TableHelp& table : job_tables()) {
    const bool nodes = table.name == "cluster.node";
    text += fmt::format("\n## {}{}{}\n\n{}\n\n| key | type | unit | range | default | |\n|---|---|---|---|---|---|\n",
                        nodes ? "[[" : "[", table.name, nodes ? "]]" : "]", table.help);
    text += nodes ? reference_rows(node_keys(), table.name) : reference_rows(job_keys(), table.name);
  }
  return text;
}

std::string starter_job(const std::string& name) {
  std::string text = "# A job for dsrun. Every key stands here with its default; `dsrun check` reads it.\n";
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
    text += fmt::format("{} = {}  # {}\n", key.name, value, key.help);
  }
  return text;
}

}  // namespace dsrun
