#include "dsl/text/source.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include <fmt/format.h>

#include "dsl/text/utf8.hpp"

namespace dsrun {
namespace {

constexpr std::size_t longest_shown_line = 1000;  // bytes: one long line may have many faults
constexpr int most_dots = 1000;                   // of a line's keys

// The first byte of a line whose dotted keys nest tables deeper than toml++ survives: it takes them apart recursively
// and limits only the nesting of values. Dots of strings count as well: a thousand are no job file either.
std::optional<std::size_t> too_deep(std::string_view text) {
  const auto joins = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; };
  const auto quotes = [](char c) { return c == '"' || c == '\'' || c == ' ' || c == '\t'; };
  int dots = 0;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') {
      dots = 0;
      start = at + 1;
    } else if (text[at] == '.' && at > 0 && (joins(text[at - 1]) || quotes(text[at - 1]))) {
      if (++dots > most_dots) return start;
    }
  }
  return std::nullopt;
}

}  // namespace

Source::Source(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)), line_starts_{0} {
  for (std::size_t at = 0; at < text_.size(); ++at)
    if (text_[at] == '\n') line_starts_.push_back(at + 1);
}

std::optional<Diagnostic> Source::fault() const {
  if (text_.size() > largest_source)
    return Diagnostic{place(0, 0),
                      {},
                      "the text is too large for a job file",
                      fmt::format("a job file has at most {} bytes", largest_source)};
  if (const std::size_t nul = text_.find('\0'); nul != std::string::npos)
    return fault_at(nul, "the text contains a NUL byte", "a job file is plain UTF-8 text");
  if (const auto at = too_deep(text_))
    return fault_at(*at, "the line has too many dots in its keys",
                    fmt::format("use at most {} dots in a line", most_dots));
  return std::nullopt;
}

std::vector<Diagnostic> Source::malformed() const {
  std::vector<Diagnostic> faults;
  for (std::size_t at = 0; at < text_.size();) {
    const std::size_t length = character_length(text_, at);
    if (length == 0) {
      faults.push_back(fault_at(at, fmt::format("malformed UTF-8: byte 0x{:02x}", static_cast<std::uint8_t>(text_[at])),
                                "save the file as UTF-8"));
      at = std::min(text_.find('\n', at), text_.size());
    } else {
      at += length;
    }
  }
  return faults;
}

Place Source::place(int line_number, int column, std::string key) const {
  Place place{name_, line_number, column, std::move(key), ""};
  if (line_number < 1) return place;
  const std::string_view shown = line(static_cast<std::size_t>(line_number));
  if (shown.size() <= longest_shown_line) place.source_line = printable(shown);
  return place;
}

std::string_view Source::line(std::size_t number) const {
  if (number > line_starts_.size()) return {};
  const std::size_t start = line_starts_[number - 1];
  std::string_view line = std::string_view(text_).substr(start, text_.find('\n', start) - start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

Diagnostic Source::fault_at(std::size_t at, std::string message, std::string help) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), at);
  const std::string_view before = std::string_view(text_).substr(*(next - 1), at - *(next - 1));
  return {place(static_cast<int>(next - line_starts_.begin()), static_cast<int>(num_characters(before)) + 1),
          {},
          std::move(message),
          std::move(help)};
}

}  // namespace dsrun
