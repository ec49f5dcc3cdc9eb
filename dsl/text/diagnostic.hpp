// Diagnostic: one fault of a job file, with its place, the reason and what would be right.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace dsrun {

struct Place {
  std::string file;         // "--set" for an override
  int line = 0;             // from 1; 0: the whole file
  int column = 0;           // from 1, in characters
  std::string key;          // table.key
  std::string source_line;  // printable; "" if it is too long to show
  bool operator==(const Place&) const = default;
};

struct Diagnostic {
  Place place;
  std::optional<Place> other;  // the other key's place, in a fault between two keys
  std::string message;
  std::string help;  // what would be right
};

// The text has rustc's form: file:line:column, the line, a caret, the second place likewise, and the help.
std::string render(const Diagnostic& diagnostic, bool colour = false);
std::string render(const std::vector<Diagnostic>& diagnostics, bool colour = false);

}  // namespace dsrun
