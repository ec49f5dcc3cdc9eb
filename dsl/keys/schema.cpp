#include "dsl/keys/schema.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dsl/keys/keys.hpp"

namespace dsrun {
namespace {

using nlohmann::json;

// One overload a type of field: the schema of its values.
template <class Owner>
class SchemaOf {
 public:
  explicit SchemaOf(const Key<Owner>& key) : key_(key) {}

  template <class Number>
  json operator()(Number& (*)(Owner&)) const {
    return std::is_floating_point_v<Number>
               ? json{{"type", "number"}, {"minimum", key_.range.min}, {"maximum", key_.range.max}}
               : integer();
  }
  json operator()(bool& (*)(Owner&)) const { return {{"type", "boolean"}}; }
  json operator()(std::string& (*)(Owner&)) const { return text(); }
  json operator()(std::vector<int>& (*)(Owner&)) const { return {{"type", "array"}, {"items", integer()}}; }
  json operator()(std::vector<std::string>& (*)(Owner&)) const { return {{"type", "array"}, {"items", text()}}; }
  json operator()(const Word<Owner>& word) const { return {{"enum", word.names}}; }
  json operator()(const Choice<Owner>& choice) const { return {{"enum", choice.names}}; }
  json operator()(const Vocabulary<Owner>&) const {
    return {{"anyOf", json::array({json{{"const", "byte"}}, integer()})}};
  }
  json operator()(const Selection<Owner>& selection) const {
    const json names = {{"type", "array"}, {"items", {{"enum", selection.names()}}}};
    return {{"anyOf", json::array({json{{"const", selection.everything.name}}, names})}};
  }

 private:
  json integer() const {
    return {{"type", "integer"},
            {"minimum", static_cast<std::int64_t>(key_.range.min)},
            {"maximum", static_cast<std::int64_t>(key_.range.max)}};
  }
  json text() const {
    return {{"type", "string"},
            {"minLength", static_cast<std::int64_t>(key_.range.min)},
            {"maxLength", static_cast<std::int64_t>(key_.range.max)}};
  }
  const Key<Owner>& key_;
};

template <class Owner>
json schema_of(const Key<Owner>& key) {
  json schema = std::visit(SchemaOf<Owner>(key), key.field);
  schema["description"] = key.unit.empty() ? std::string(key.help) : fmt::format("{} Unit: {}.", key.help, key.unit);
  schema["x-change"] = change_names[key.change];
  schema["x-live"] = live_change_names[key.live];
  if (!key.required()) schema["default"] = json::parse(key.default_text);  // defaults are TOML and JSON alike
  return schema;
}

template <class Owner>
json table_schema(const std::vector<Key<Owner>>& keys, const TableHelp& table) {
  json properties = json::object(), required = json::array();
  for (const Key<Owner>& key : keys) {
    if (key.table != table.name) continue;
    properties[std::string(key.name)] = schema_of(key);
    if (key.required()) required.push_back(key.name);
  }
  json schema = {
      {"type", "object"}, {"description", table.help}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

template <class Owner>
std::string reference_rows(const std::vector<Key<Owner>>& keys, std::string_view table) {
  std::string text;
  for (const Key<Owner>& key : keys) {
    if (key.table != table) continue;
    std::string fallback = key.required() ? "required" : fmt::format("`{}`", key.default_text);
    if (!key.preset_text.empty() && key.preset_text != key.default_text)
      fallback += fmt::format("; deepseek-v3: `{}`", key.preset_text);
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", key.name, type_name<Owner>(key.field),
                        key.unit, has_range(key) ? fmt::format("{} to {}", key.range.min, key.range.max) : "", fallback,
                        change_names[key.change], live_change_names[key.live], key.help);
  }
  return text;
}

}  // namespace

json json_schema() {
  json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "dsrun job file"},
                 {"type", "object"},
                 {"required", json::array({"job"})},
                 {"additionalProperties", false}};
  for (const TableHelp& table : job_tables()) {
    if (table.name == "cluster.node")
      schema["properties"]["cluster"]["properties"]["node"] = {
          {"type", "array"}, {"minItems", 1}, {"items", table_schema(node_keys(), table)}};
    else if (const std::size_t dot = table.name.find('.'); dot != std::string_view::npos)
      schema["properties"][std::string(table.name.substr(0, dot))]["properties"]
            [std::string(table.name.substr(dot + 1))] = table_schema(job_keys(), table);
    else
      schema["properties"][std::string(table.name)] = table_schema(job_keys(), table);
  }
  return schema;
}

std::string reference_page() {
  std::string text =
      "# The job file\n\n"
      "`dsrun schema --markdown` makes this page from the key tables (dsl/keys/tables/). A key may be left out unless "
      "it "
      "is required; an unknown key is a fault, with a suggestion. `dsrun check FILE` reports every fault at once. "
      "`--set "
      "table.key=value` overrides a key, arrays by index (`--set cluster.node.0.devices=4`).\n\n"
      "Two columns say what a change of a key's value means. *change* is about a job that goes on from a checkpoint "
      "made "
      "with another value. With `never` the checkpoint is refused. With `on_resume` the job goes on where `--resume` "
      "allows the change. With `free` it goes on. *live* is about a running job. `never`: the value is fixed at the "
      "launch. `between_steps`: only the coordinator uses the value. `reconfigured`: devices use it, so that they "
      "would "
      "have to be configured anew between two steps. No command changes a running job yet.\n";
  for (const TableHelp& table : job_tables()) {
    const bool nodes = table.name == "cluster.node";
    text += fmt::format("\n## {}{}{}\n\n{}\n\n", nodes ? "[[" : "[", table.name, nodes ? "]]" : "]", table.help);
    text += "| key | type | unit | range | default | change | live | what it is |\n|---|---|---|---|---|---|---|---|\n";
    text += nodes ? reference_rows(node_keys(), table.name) : reference_rows(job_keys(), table.name);
  }
  return text;
}

}  // namespace dsrun
