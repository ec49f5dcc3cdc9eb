// The keys of a job file, each declared once, in a row with named fields. Parser, messages, defaults, reference page,
// JSON Schema and the rules for going on from a checkpoint come from these rows.
//
// To add a setting, add a member to its struct in dsl/specs/ and a row to the table's file in dsl/keys/tables/. Then
// write docs/job-file.md again (dsrun schema --markdown).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/keys/change.hpp"
#include "dsl/keys/field.hpp"

namespace dsrun {

// A column without a default: a row that omits it does not compile.
template <class T>
class Stated {
 public:
  constexpr Stated(T value) : value_(value) {}
  constexpr operator T() const { return value_; }

 private:
  T value_;
};

// Both ends are inclusive. The range bounds numbers and the entries of arrays of integers; for strings, also those of
// an array, it bounds the number of bytes.
struct KeyRange {
  double min = 0;
  double max = 0;
};

template <class Owner>
struct Key {
  std::string_view table = {};  // filled in by the table that the row stands in
  std::string_view name;
  Field<Owner> field;
  std::string_view unit = {};
  KeyRange range = {};
  std::string_view default_text = {};  // as TOML; "": the key is required
  std::string_view preset_text = {};   // the default under preset = "deepseek-v3", as TOML; "": default_text
  Stated<Change> change;
  Stated<LiveChange> live;
  std::string_view help;  // sentences

  std::string path() const { return std::string(table) + "." + std::string(name); }  // "cluster.link.gb_per_s"
  bool required() const { return default_text.empty(); }
};

template <class Owner>
struct KeyTable {
  std::string_view name;  // "cluster.link" is a table inside another
  std::string_view help;  // sentences
  std::vector<Key<Owner>> keys;
};

const std::vector<Key<Job>>& job_keys();        // in the order of job_tables()
const std::vector<Key<NodeSpec>>& node_keys();  // of each [[cluster.node]]

struct TableHelp {
  std::string_view name;
  std::string_view help;
};
std::span<const TableHelp> job_tables();  // cluster.node is the last

// Whether the key's range bounds numbers.
template <class Owner>
bool has_range(const Key<Owner>& key) {
  return takes_numbers<Owner>(key.field);
}

}  // namespace dsrun
