// Document: a TOML text as a tree of values that know their place. toml++ stays behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dsl/source.hpp"

namespace dsrun {

struct Value;
struct Entry;
using Array = std::vector<Value>;
using Table = std::vector<Entry>;
struct Moment {};  // a date or time: no key takes one

struct Value {
  std::variant<Moment, bool, std::int64_t, double, std::string, Array, Table> data;
  Position at;
};

struct Entry {
  std::string name;
  Position at;
  Value value;
};

Value* find(Table& table, std::string_view name);
const Value* find(const Table& table, std::string_view name);

std::string_view kind_name(const Value& value);  // "an integer"

// The root table; at a syntax error nothing, and the fault.
std::optional<Table> parse_document(const Source& source, std::vector<Diagnostic>& faults);

// The value that the override `source` gives after its first `start` bytes: TOML, or else a bare word.
std::optional<Value> parse_value(const Source& source, std::size_t start, std::vector<Diagnostic>& faults);

// A value of the program's own, such as a default. Precondition: `text` is TOML.
Value literal(std::string_view text);

}  // namespace dsrun
