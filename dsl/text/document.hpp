// Document: a TOML text as a tree of values that know their place. Only its .cpp uses toml++.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dsl/text/source.hpp"

namespace dsrun {

struct TomlValue;
struct TomlEntry;
using TomlArray = std::vector<TomlValue>;
using TomlTable = std::vector<TomlEntry>;
struct Moment {};  // a date or time: no key takes one

struct TomlValue {
  std::variant<Moment, bool, std::int64_t, double, std::string, TomlArray, TomlTable> data;
  SourcePosition at;
};

struct TomlEntry {
  std::string name;
  SourcePosition at;
  TomlValue value;
};

TomlValue* find(TomlTable& table, std::string_view name);
const TomlValue* find(const TomlTable& table, std::string_view name);

std::string_view kind_name(const TomlValue& value);  // "an integer"

// The root table. A line that is no TOML adds a fault, and the table has what the other lines say. Keys below an
// unreadable header are left out. nullopt: the other lines cannot be read either.
std::optional<TomlTable> parse_document(const Source& source, std::vector<Diagnostic>& faults);

// The value that the override `source` gives after its first `start` bytes: TOML, or else a bare word.
std::optional<TomlValue> parse_value(const Source& source, std::size_t start, std::vector<Diagnostic>& faults);

// A value of the program's own, such as a default. Precondition: `text` is TOML.
TomlValue literal(std::string_view text);

}  // namespace dsrun
