#include "dsl/text/diagnostic.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"

namespace dsrun {
namespace {

std::string paint(bool colour, const char* code, const std::string& text) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string where(const Place& place) {
  if (place.line == 0) return printable(place.file);
  return fmt::format("{}:{}:{}", printable(place.file), place.line, place.column);
}

// The source line and a caret under the column. Tabs stay tabs, so that the caret stays below its character.
std::string excerpt(const Place& place, bool colour) {
  if (place.line == 0 || place.source_line.empty()) return {};
  const std::string number = fmt::format("{:>5} | ", place.line);
  std::string under(number.size(), ' ');
  under[number.size() - 2] = '|';
  int column = 1;
  for (std::size_t at = 0; at < place.source_line.size() && column < place.column; ++column) {
    under += place.source_line[at] == '\t' ? '\t' : ' ';
    at += std::max<std::size_t>(character_length(place.source_line, at), 1);
  }
  return fmt::format("{}{}\n{}{}\n", number, place.source_line, under, paint(colour, "1;31", "^"));
}

}  // namespace

std::string render(const Diagnostic& diagnostic, bool colour) {
  std::string text = fmt::format("{}: {}: {}\n", where(diagnostic.place), paint(colour, "1;31", "fault"),
                                 printable(diagnostic.message));
  text += excerpt(diagnostic.place, colour);
  if (diagnostic.other) {
    text += fmt::format("  and {}: {}\n", where(*diagnostic.other), printable(diagnostic.other->key));
    text += excerpt(*diagnostic.other, colour);
  }
  if (!diagnostic.help.empty())
    text += fmt::format("  {} {}\n", paint(colour, "1;36", "help:"), printable(diagnostic.help));
  return text;
}

std::string render(const std::vector<Diagnostic>& diagnostics, bool colour) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += render(diagnostic, colour) + "\n";
  if (!diagnostics.empty()) text += fmt::format("{} fault{}\n", diagnostics.size(), diagnostics.size() == 1 ? "" : "s");
  return text;
}

}  // namespace dsrun
