// Source: a text in which faults have their place: a job file or one `--set` override.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/text/diagnostic.hpp"

namespace dsrun {

inline constexpr std::size_t largest_source = 1 << 20;  // bytes; job files have thousands

class Source {
 public:
  Source(std::string name, std::string text);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }

  // Why no TOML parser may see this text at all (size, NUL, keys that nest too deep); nullopt: it may.
  std::optional<Diagnostic> fault() const;
  // One fault for each line with malformed UTF-8, at its first malformed byte: no parser may see these lines.
  std::vector<Diagnostic> malformed() const;

  // Line 0: the whole text.
  Place place(int line, int column, std::string key = "") const;

 private:
  std::string_view line(std::size_t number) const;
  Diagnostic fault_at(std::size_t at, std::string message, std::string help) const;

  std::string name_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

// Where something stands in a source; line and column as in Place.
struct SourcePosition {
  const Source* source = nullptr;
  int line = 0;
  int column = 0;
  Place place(std::string key) const { return source->place(line, column, std::move(key)); }
};

}  // namespace dsrun
