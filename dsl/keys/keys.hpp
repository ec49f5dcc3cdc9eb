// The keys of a job file, each declared once: parser, messages, defaults, reference page and JSON Schema come from
// here. To add a setting: a field in job.hpp, a row in keys.cpp, and docs/job-file.md anew (dsrun schema --markdown).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dsl/job.hpp"

namespace dsrun {

// A closed set of names: stored as the name, or as an enum's number.
template <class Owner>
struct Word {
  std::string& (*field)(Owner&);
  std::vector<std::string> names;
};
template <class Owner>
struct Choice {
  int (*get)(const Owner&);
  void (*set)(Owner&, int);
  std::vector<std::string> names;
};
// "byte" (size 0 here) or a number of tokens.
template <class Owner>
struct Vocabulary {
  int (*get)(const Owner&);
  void (*set)(Owner&, int);
};

// One word for everything, or an array of names: a flag each.
template <class Owner>
struct Selection {
  struct Item {
    std::string name;
    bool& (*flag)(Owner&);
  };
  Item everything;
  std::vector<Item> items;
  std::vector<std::string> names() const;  // of the items
};

template <class Owner>
using Field = std::variant<int& (*)(Owner&), std::int64_t& (*)(Owner&), std::uint64_t& (*)(Owner&), double& (*)(Owner&),
                           bool& (*)(Owner&), std::string& (*)(Owner&), std::vector<int>& (*)(Owner&),
                           std::vector<std::string>& (*)(Owner&), Word<Owner>, Choice<Owner>, Vocabulary<Owner>,
                           Selection<Owner>>;

template <class Owner>
struct Key {
  std::string_view table;
  std::string_view name;
  Field<Owner> field;
  std::string_view default_text;  // as TOML; "" : required
  std::string_view preset_text;   // the default under preset = "deepseek-v3"; "" : the same
  double min = 0;                 // of numbers, and of the entries of an array of integers; of a string, in bytes
  double max = 0;
  std::string_view unit;
  std::string_view help;

  std::string path() const { return std::string(table) + "." + std::string(name); }
  bool required() const { return default_text.empty(); }
};

const std::vector<Key<Job>>& job_keys();
const std::vector<Key<NodeSpec>>& node_keys();  // of each [[cluster.node]]

struct TableHelp {
  std::string_view name;
  std::string_view help;
};
std::span<const TableHelp> job_tables();

template <class Owner>
std::string type_name(const Field<Owner>& field);

// Whether min and max bound numbers.
template <class Owner>
bool has_range(const Key<Owner>& key);

}  // namespace dsrun
