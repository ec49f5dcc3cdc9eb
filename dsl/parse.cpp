#include "dsl/parse.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "dsl/keys.hpp"
#include "dsl/suggest.hpp"
#include "dsl/text_check.hpp"
#include "dsl/validate.hpp"

namespace dsrun {
namespace {

class Parser {
 public:
  Parser(std::string_view text, std::string file) : text_(text) { places_.file = std::move(file); }

  ParseResult parse(const std::vector<std::string>& overrides, const std::string& folder) {
    if (auto fault = check_text(text_, places_.file)) return {std::nullopt, {*fault}};
    toml::table root;
    try {
      root = toml::parse(text_, places_.file);
    } catch (const toml::parse_error& error) {
      const toml::source_region& region = error.source();
      fault(place(region, ""), std::string(error.description()), "see toml.io for the notation");
      return {std::nullopt, std::move(faults_)};
    }
    for (const std::string& text : overrides) override_key(root, text);
    read(root);
    job_.folder = folder;
    complete(job_);
    for (Diagnostic& found : validate(job_, places_)) faults_.push_back(std::move(found));
    std::stable_sort(faults_.begin(), faults_.end(),
                     [](const Diagnostic& a, const Diagnostic& b) { return a.place.line < b.place.line; });
    if (!faults_.empty()) return {std::nullopt, std::move(faults_)};
    return {std::move(job_), {}};
  }

 private:
  void fault(Place at, std::string message, std::string help) {
    faults_.push_back({std::move(at), std::nullopt, std::move(message), std::move(help)});
  }

  Place place(const toml::source_region& region, const std::string& key) const {
    const auto found = overridden_.find(key);
    if (found != overridden_.end())
      return {"--set", 1, static_cast<int>(found->second.find('=')) + 2, key, found->second};
    const auto line = static_cast<int>(region.begin.line);
    return {places_.file, line, static_cast<int>(region.begin.column), key, line > 0 ? line_of(text_, line) : ""};
  }

  // --set a.b.0.c=value
  void override_key(toml::table& root, const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string path = text.substr(0, equals);
    const Place here{"--set", 1, 1, path, text};
    if (equals == std::string::npos || equals == 0 || check_text(text, "--set"))
      return fault(here, "an override is table.key=value", "for instance --set job.steps=10");
    toml::table parsed;
    try {
      parsed = toml::parse("value = " + text.substr(equals + 1));
    } catch (const toml::parse_error&) {
      parsed.insert_or_assign("value", text.substr(equals + 1));
    }
    std::vector<std::string> parts;
    std::istringstream words(path);
    for (std::string part; std::getline(words, part, '.');) parts.push_back(part);
    toml::node* at = &root;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      at = step_into(*at, parts[i], i + 2 < parts.size() && is_index(parts[i + 1]));
      if (at == nullptr)
        return fault(here, fmt::format("no \"{}\" to set {} in", parts[i], path), "arrays go by index from 0");
    }
    toml::table* table = at->as_table();
    if (table == nullptr || parts.size() < 2)
      return fault(here, fmt::format("\"{}\" names no key", path), "table.key=value; arrays by index");
    table->insert_or_assign(parts.back(), *parsed.get("value"));
    overridden_[path] = text;
  }

  static bool is_index(const std::string& word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  // The table or array below `node`; tables that are not there yet come to be, and one entry at an array's end.
  static toml::node* step_into(toml::node& node, const std::string& word, bool wants_array) {
    if (toml::array* array = node.as_array()) {
      if (!is_index(word) || word.size() > 6) return nullptr;
      const auto index = static_cast<std::size_t>(std::stoul(word));
      if (index == array->size()) array->push_back(toml::table{});
      return index < array->size() ? array->get(index) : nullptr;
    }
    toml::table* table = node.as_table();
    if (table == nullptr) return nullptr;
    if (table->get(word) == nullptr) {
      if (wants_array)
        table->insert(word, toml::array{});
      else
        table->insert(word, toml::table{});
    }
    return table->get(word);
  }

  void read(const toml::table& root) {
    std::vector<std::string> names;
    for (const TableHelp& table : job_tables()) names.emplace_back(table.name);
    for (const auto& [name, node] : root) {
      const std::string word(name.str());
      if (std::find(names.begin(), names.end(), word) == names.end()) {
        unknown(place(name.source(), word), fmt::format("unknown table [{}]", word), word, names);
      } else if (!node.is_table()) {
        fault(place(node.source(), word), fmt::format("{} is a table", word), fmt::format("[{}]", word));
      }
    }
    defaults(root);
    for (const TableHelp& table : job_tables())
      if (const toml::table* found = root[table.name].as_table()) read_table(*found, std::string(table.name));
    for (const Key<Job>& key : job_keys())
      if (key.required() && !places_.written.contains(key.path())) missing(root, key.path(), key.table, key.help);
  }

  void missing(const toml::table& root, const std::string& path, std::string_view table, std::string_view help) {
    const toml::node* node = root.get(table);
    Place at = node != nullptr ? place(node->source(), path) : Place{places_.file, 0, 0, path, ""};
    at.key = path;
    places_.faulty.insert(path);
    fault(at, fmt::format("{} is missing", path), std::string(help));
  }

  void unknown(const Place& at, const std::string& message, const std::string& word,
               const std::vector<std::string>& known) {
    const std::string near = nearest(word, known);
    std::string all;
    for (const std::string& each : known) all += (all.empty() ? "" : ", ") + each;
    fault(at, message, near.empty() ? "known: " + all : fmt::format("did you mean {}?", near));
  }

  void defaults(const toml::table& root) {
    const bool preset = root["model"]["preset"].value_or(std::string()) == "deepseek-v3";
    for (const Key<Job>& key : job_keys()) {
      const std::string_view text = preset && !key.preset_text.empty() ? key.preset_text : key.default_text;
      if (text.empty()) continue;
      const toml::table parsed = toml::parse(fmt::format("value = {}", text));
      assign(job_, key, *parsed.get("value"));
    }
  }

  void read_table(const toml::table& table, const std::string& name) {
    std::vector<std::string> known;
    for (const Key<Job>& key : job_keys())
      if (key.table == name) known.emplace_back(key.name);
    for (const auto& [word, node] : table) {
      const std::string path = fmt::format("{}.{}", name, word.str());
      if (path == "cluster.node") {
        read_nodes(node);
        continue;
      }
      const auto& keys = job_keys();
      const auto key =
          std::find_if(keys.begin(), keys.end(), [&](const Key<Job>& each) { return each.path() == path; });
      if (key == keys.end())
        unknown(place(word.source(), path), fmt::format("unknown key {}", path), std::string(word.str()), known);
      else
        take(job_, *key, path, node);
    }
  }

  void read_nodes(const toml::node& node) {
    const toml::array* nodes = node.as_array();
    if (nodes == nullptr || nodes->empty() || !nodes->is_array_of_tables())
      return fault(place(node.source(), "cluster.node"), "cluster.node is an array of tables", "[[cluster.node]]");
    for (std::size_t i = 0; i < nodes->size(); ++i) read_node(*nodes->get(i)->as_table(), i);
  }

  void read_node(const toml::table& table, std::size_t index) {
    NodeSpec node{"localhost", 0, "cpu"};
    std::vector<std::string> known;
    for (const Key<NodeSpec>& key : node_keys()) known.emplace_back(key.name);
    for (const auto& [word, value] : table) {
      const auto& keys = node_keys();
      const auto key =
          std::find_if(keys.begin(), keys.end(), [&](const Key<NodeSpec>& each) { return each.name == word.str(); });
      const std::string path = fmt::format("cluster.node.{}.{}", index, word.str());
      if (key == keys.end())
        unknown(place(word.source(), path), fmt::format("unknown key {}", path), std::string(word.str()), known);
      else
        take(node, *key, path, value);
    }
    const std::string devices = fmt::format("cluster.node.{}.devices", index);
    if (!places_.written.contains(devices)) {
      places_.faulty.insert(devices);
      fault(place(table.source(), devices), fmt::format("{} is missing", devices), "how many devices the host has");
    }
    job_.cluster.nodes.push_back(std::move(node));
  }

  template <class Owner>
  void take(Owner& owner, const Key<Owner>& key, const std::string& path, const toml::node& node) {
    const Place at = place(node.source(), path);
    places_.written[path] = at;
    const std::string message = assign(owner, key, node);
    if (message.empty()) return;
    places_.faulty.insert(path);
    fault(at, fmt::format("{}: {}", path, message), describe(key));
  }

  template <class Owner>
  static std::string describe(const Key<Owner>& key) {
    std::string range;
    if (key.max > key.min && type_name(key.field).find("string") == std::string::npos)
      range = fmt::format(" from {} to {}", key.min, key.max);
    return fmt::format("{}{}{}{}: {}", type_name(key.field), range, key.unit.empty() ? "" : " in ", key.unit, key.help);
  }

  // "" or what is wrong with the value.
  template <class Owner>
  static std::string assign(Owner& owner, const Key<Owner>& key, const toml::node& node) {
    return std::visit([&](const auto& field) { return set(owner, key, field, node); }, key.field);
  }

  template <class Owner>
  static std::string in_range(const Key<Owner>& key, double value) {
    if (value >= key.min && value <= key.max) return {};
    return fmt::format("{} is out of range", value);
  }
  template <class Owner, class Number>
  requires std::is_integral_v<Number>
  static std::string set(Owner& owner, const Key<Owner>& key, Number& (*field)(Owner&), const toml::node& node) {
    const auto value = node.value_exact<std::int64_t>();
    if (!value) return "not an integer";
    std::string message = in_range(key, static_cast<double>(*value));
    if (message.empty()) field(owner) = static_cast<Number>(*value);
    return message;
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>& key, double& (*field)(Owner&), const toml::node& node) {
    const auto value = node.is_number() ? node.value<double>() : std::nullopt;
    if (!value) return "not a number";
    std::string message = in_range(key, *value);
    if (message.empty()) field(owner) = *value;
    return message;
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>&, bool& (*field)(Owner&), const toml::node& node) {
    const auto value = node.value_exact<bool>();
    if (!value) return "neither true nor false";
    field(owner) = *value;
    return {};
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>& key, std::string& (*field)(Owner&), const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (!value) return "not a string";
    if (static_cast<double>(value->size()) < key.min) return "empty";
    if (static_cast<double>(value->size()) > key.max) return fmt::format("longer than {} bytes", key.max);
    field(owner) = *value;
    return {};
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>& key, std::vector<int>& (*field)(Owner&),
                         const toml::node& node) {
    std::vector<int> values;
    const toml::array* array = node.as_array();
    if (array == nullptr) return "not an array of integers";
    for (const toml::node& each : *array) {
      const auto value = each.value_exact<std::int64_t>();
      if (!value) return "not an array of integers";
      if (const std::string message = in_range(key, static_cast<double>(*value)); !message.empty()) return message;
      values.push_back(static_cast<int>(*value));
    }
    field(owner) = std::move(values);
    return {};
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>&, std::vector<std::string>& (*field)(Owner&),
                         const toml::node& node) {
    std::vector<std::string> values;
    const toml::array* array = node.as_array();
    if (array == nullptr) return "not an array of strings";
    for (const toml::node& each : *array) {
      const auto value = each.value_exact<std::string>();
      if (!value || value->empty()) return "not an array of non-empty strings";
      values.push_back(*value);
    }
    field(owner) = std::move(values);
    return {};
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>&, const Choice& choice, const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (!value) return "not a string";
    const auto found = std::find(choice.names.begin(), choice.names.end(), *value);
    if (found == choice.names.end()) return fmt::format("there is no \"{}\"", *value);
    if constexpr (std::is_same_v<Owner, Job>) choice.set(owner, static_cast<int>(found - choice.names.begin()));
    return {};
  }
  template <class Owner>
  static std::string set(Owner& owner, const Key<Owner>& key, const Vocabulary&, const toml::node& node) {
    const auto word = node.value_exact<std::string>();
    const auto number = node.value_exact<std::int64_t>();
    if (!number && (!word || *word != "byte")) return "neither \"byte\" nor a number of tokens";
    if (number)
      if (std::string message = in_range(key, static_cast<double>(*number)); !message.empty()) return message;
    if constexpr (std::is_same_v<Owner, Job>) {
      owner.model.byte_vocab = !number;
      owner.model.vocab_size = number ? static_cast<int>(*number) : 256;
    }
    return {};
  }

  std::string_view text_;
  KeyPlaces places_;
  std::map<std::string, std::string> overridden_;  // path → the whole override
  Job job_;
  std::vector<Diagnostic> faults_;
};

}  // namespace

ParseResult parse_job_text(std::string_view text, const std::string& file_name,
                           const std::vector<std::string>& overrides, const std::string& folder) {
  return Parser(text, file_name).parse(overrides, folder);
}

ParseResult parse_job_file(const std::string& path, const std::vector<std::string>& overrides) {
  const auto unreadable = [&](const char* why) {
    return ParseResult{
        std::nullopt,
        {{{path, 0, 0, "", ""}, {}, fmt::format("cannot read the job file: {}", why), "give a TOML file"}}};
  };
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return unreadable("there is no such file");
  if (!std::filesystem::is_regular_file(path, error)) return unreadable("it is no regular file");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    if (std::filesystem::file_size(path, error) != 0) return unreadable("reading failed");
  }
  const std::string folder = std::filesystem::absolute(path, error).parent_path().string();
  return parse_job_text(text.str(), path, overrides, folder);
}

}  // namespace dsrun
