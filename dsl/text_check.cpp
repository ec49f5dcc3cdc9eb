#include "dsl/text_check.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace dsrun {
namespace {

constexpr std::size_t largest_file = 1 << 20;

// Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 if there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0; };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(at + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return continues(at + 1, low, high) && continues(at + 2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return continues(at + 1, low, high) && continues(at + 2) && continues(at + 3) ? 4 : 0;
  }
  return 0;
}

Diagnostic fault_at(std::string_view text, std::size_t at, const std::string& file_name, std::string message,
                    std::string help) {
  const std::string_view before = text.substr(0, at);
  const auto line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
  const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  std::string shown = line_of(text, line);
  for (char& c : shown)
    if ((c & 0x80) != 0 || c == 0) c = '?';  // never print what is malformed
  return {{file_name, line, static_cast<int>(at - start) + 1, "", shown}, {}, std::move(message), std::move(help)};
}

}  // namespace

std::string line_of(std::string_view text, int number) {
  std::size_t start = 0;
  for (int line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n', start);
    if (end == std::string_view::npos) return {};
    start = end + 1;
  }
  std::string_view line = text.substr(start, text.find('\n', start) - start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return std::string(line);
}

std::optional<Diagnostic> check_text(std::string_view text, const std::string& file_name) {
  if (text.size() > largest_file)
    return Diagnostic{{file_name, 0, 0, "", ""},
                      {},
                      fmt::format("{} bytes are too many for a job file", text.size()),
                      fmt::format("at most {} bytes", largest_file)};
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == 0) return fault_at(text, at, file_name, "a NUL byte in the text", "a job file is plain UTF-8 text");
    const std::size_t length = sequence_length(text, at);
    if (length == 0)
      return fault_at(text, at, file_name,
                      fmt::format("malformed UTF-8: byte 0x{:02x}", static_cast<std::uint8_t>(text[at])),
                      "save the file as UTF-8");
    at += length;
  }
  return std::nullopt;
}

}  // namespace dsrun
