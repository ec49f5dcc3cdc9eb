#include "dsl/parse.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <tuple>

#include <fmt/format.h>

#include "dsl/keys/keys.hpp"
#include "dsl/presets.hpp"
#include "dsl/schedule_file.hpp"
#include "dsl/text/document.hpp"
#include "dsl/text/overrides.hpp"
#include "dsl/text/read_value.hpp"
#include "dsl/text/suggest.hpp"
#include "dsl/validate.hpp"

namespace dsrun {
namespace {

constexpr std::size_t most_nodes = 4096;

template <class Owner>
const Key<Owner>* find_key(const std::vector<Key<Owner>>& keys, std::string_view table, std::string_view name) {
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&](const Key<Owner>& each) { return each.table == table && each.name == name; });
  return key == keys.end() ? nullptr : &*key;
}

// Reads a document's tables into a Job, noting where each key stands.
class Reader {
 public:
  Reader(KeyPlaces& places, std::vector<Diagnostic>& faults) : places_(places), faults_(faults) {}

  Job read(const TomlTable& root) {
    read_defaults(root);
    for (const TomlEntry& entry : root) read_table(entry);
    for (const Key<Job>& key : job_keys())
      if (key.required() && !places_.written.contains(key.path())) {
        const TomlValue* table = find(root, key.table);
        missing(key.path(), table == nullptr ? SourcePosition{places_.file} : table->at, key.help);
      }
    return std::move(job_);
  }

 private:
  void fault(Place at, std::string message, std::string help) {
    faults_.push_back({std::move(at), std::nullopt, std::move(message), std::move(help)});
  }

  void missing(const std::string& path, SourcePosition at, std::string_view help) {
    places_.faulty.insert(path);
    if (places_.whole) fault(at.place(path), fmt::format("{} is missing", path), std::string(help));
  }

  void read_defaults(const TomlTable& root) {
    const TomlValue* model = find(root, "model");
    const TomlTable* table = model == nullptr ? nullptr : std::get_if<TomlTable>(&model->data);
    const TomlValue* preset = table == nullptr ? nullptr : find(*table, "preset");
    const std::string* name = preset == nullptr ? nullptr : std::get_if<std::string>(&preset->data);
    for (const Key<Job>& key : job_keys())
      if (!key.required())
        read_value(job_, key,
                   literal(default_under(name == nullptr ? "" : *name, key.path(), key.default_text, key.preset_text)));
  }

  void read_table(const TomlEntry& entry) {
    std::vector<std::string> names;
    for (const TableHelp& table : job_tables())
      if (table.name.find('.') == std::string_view::npos) names.emplace_back(table.name);
    if (std::find(names.begin(), names.end(), entry.name) == names.end())
      return unknown(entry.at.place(entry.name), fmt::format("unknown table [{}]", entry.name), entry.name, names);
    const auto* table = std::get_if<TomlTable>(&entry.value.data);
    if (table == nullptr)
      return fault(entry.value.at.place(entry.name),
                   fmt::format("{} is {}, not a table", entry.name, kind_name(entry.value)),
                   fmt::format("[{}]", entry.name));
    for (const TomlEntry& each : *table) {
      if (entry.name == "cluster" && each.name == "node")
        read_nodes(each.value);
      else if (const std::string inner = entry.name + "." + each.name; is_table(inner))
        read_inner(each.value, inner);
      else
        read_key(job_, job_keys(), entry.name, entry.name, each);
    }
  }

  static bool is_table(const std::string& name) {
    const auto tables = job_tables();
    return std::any_of(tables.begin(), tables.end(), [&](const TableHelp& table) { return table.name == name; });
  }

  void read_inner(const TomlValue& value, const std::string& name) {
    const auto* table = std::get_if<TomlTable>(&value.data);
    if (table == nullptr)
      return fault(value.at.place(name), fmt::format("{} is {}, not a table", name, kind_name(value)),
                   fmt::format("[{}]", name));
    for (const TomlEntry& each : *table) read_key(job_, job_keys(), name, name, each);
  }

  void read_nodes(const TomlValue& value) {
    const auto* nodes = std::get_if<TomlArray>(&value.data);
    const bool tables = nodes != nullptr && !nodes->empty() &&
                        std::all_of(nodes->begin(), nodes->end(),
                                    [](const TomlValue& node) { return std::holds_alternative<TomlTable>(node.data); });
    if (!tables || nodes->size() > most_nodes)
      return fault(value.at.place("cluster.node"),
                   fmt::format("cluster.node is not an array of 1 to {} tables", most_nodes), "[[cluster.node]]");
    for (std::size_t i = 0; i < nodes->size(); ++i) read_node((*nodes)[i], fmt::format("cluster.node.{}", i));
  }

  void read_node(const TomlValue& value, const std::string& path) {
    NodeSpec node;
    for (const Key<NodeSpec>& key : node_keys())
      if (!key.required()) read_value(node, key, literal(key.default_text));
    for (const TomlEntry& each : std::get<TomlTable>(value.data))
      read_key(node, node_keys(), "cluster.node", path, each);
    for (const Key<NodeSpec>& key : node_keys()) {
      const std::string key_path = fmt::format("{}.{}", path, key.name);
      if (key.required() && !places_.written.contains(key_path)) missing(key_path, value.at, key.help);
    }
    job_.cluster.nodes.push_back(std::move(node));
  }

  // `path` is the table's, with its index if it has one.
  template <class Owner>
  void read_key(Owner& owner, const std::vector<Key<Owner>>& keys, const std::string& table, const std::string& path,
                const TomlEntry& entry) {
    const std::string key_path = fmt::format("{}.{}", path, entry.name);
    const Key<Owner>* key = find_key(keys, table, entry.name);
    if (key == nullptr) return unknown_key(key_path, table, entry);
    places_.written[key_path] = entry.value.at;
    if (const auto misfit = read_value(owner, *key, entry.value)) {
      places_.faulty.insert(key_path);
      fault(misfit->at.place(key_path), fmt::format("{} {}", key_path, misfit->message), misfit->help);
    }
  }

  void unknown_key(const std::string& path, const std::string& table, const TomlEntry& entry) {
    const Place at = entry.at.place(path);
    std::vector<std::string> here;
    std::string elsewhere;
    const auto look = [&](const auto& keys) {
      for (const auto& key : keys) {
        if (key.table == table) here.emplace_back(key.name);
        if (key.name == entry.name) elsewhere = fmt::format("did you mean {}?", key.path());
      }
    };
    look(job_keys());
    look(node_keys());
    const std::string message = fmt::format("unknown key {}", path);
    if (!elsewhere.empty()) return fault(at, message, elsewhere);
    unknown(at, message, entry.name, here);
  }

  void unknown(const Place& at, const std::string& message, const std::string& word,
               const std::vector<std::string>& known) {
    const std::string near = nearest(word, known);
    fault(at, message,
          near.empty() ? fmt::format("known names are {}", fmt::join(known, ", "))
                       : fmt::format("did you mean {}?", near));
  }

  KeyPlaces& places_;
  std::vector<Diagnostic>& faults_;
  Job job_;
};

ParseResult unreadable(const std::string& path, const char* why) {
  const Source source(path, "");
  return {std::nullopt,
          {{source.place(0, 0), {}, fmt::format("cannot read the job file: {}", why), "give a TOML file"}}};
}

}  // namespace

ParseResult parse_job_text(std::string_view text, const std::string& file_name,
                           const std::vector<std::string>& overrides, const std::string& folder) {
  const Source file(file_name, std::string(text));
  std::vector<Diagnostic> faults;
  std::optional<TomlTable> root = parse_document(file, faults);
  if (!root) return {std::nullopt, std::move(faults)};
  KeyPlaces places{.file = &file, .whole = faults.empty()};
  std::deque<Source> override_sources;  // their addresses stay
  for (const std::string& each : overrides) apply_override(*root, override_sources.emplace_back("--set", each), faults);

  Job job = Reader(places, faults).read(*root);
  job.folder = folder;
  read_schedule_file(job, places, faults);
  complete(job);
  for (Diagnostic& found : validate(job, places)) faults.push_back(std::move(found));
  if (faults.empty()) return {std::move(job), {}};
  const auto order = [&](const Diagnostic& fault) {
    return std::tuple(fault.place.file != file_name, fault.place.line, fault.place.column);
  };
  std::stable_sort(faults.begin(), faults.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
  return {std::nullopt, std::move(faults)};
}

ParseResult parse_job_file(const std::string& path, const std::vector<std::string>& overrides) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return unreadable(path, "there is no such file");
  if (std::filesystem::is_directory(path, error)) return unreadable(path, "it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(path, "opening it failed");
  std::string text(largest_source + 1, '\0');  // one byte more shows that a file is too large
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable(path, "reading it failed");
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_job_text(text, path, overrides, std::filesystem::absolute(path, error).parent_path().string());
}

}  // namespace dsrun
