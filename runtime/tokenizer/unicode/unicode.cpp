#include "runtime/tokenizer/unicode/unicode.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <utf8proc.h>

namespace dsrun {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// Of a well-formed character.
std::uint32_t code_point(std::string_view character) {
  static constexpr unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t value = static_cast<unsigned char>(character[0]) & lead_bits[character.size()];
  for (const char byte : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3f);
  return value;
}

bool is_space(std::uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

// Bytes of the malformed part at `text`'s start: what could have begun a character, or one byte.
std::size_t malformed_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < 2 || !continues(text[1])) return 1;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool possible = !(lead == 0xe0 && second < 0xa0) && !(lead == 0xed && second > 0x9f) &&
                        !(lead == 0xf0 && second < 0x90) && !(lead == 0xf4 && second > 0x8f);
  if (!possible) return 1;
  std::size_t length = 2;
  while (length < wanted && length < text.size() && continues(text[length])) ++length;
  return length;
}

}  // namespace

bool is_ascii(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080u) != 0) return false;
  }
  for (; at < text.size(); ++at)
    if (static_cast<unsigned char>(text[at]) >= 0x80) return false;
  return true;
}

std::size_t well_formed_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (at + 8 <= text.size() && is_ascii(text.substr(at, 8))) {
      at += 8;
      continue;
    }
    const std::size_t length = character_length(text, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = character_length(text, at);
    if (length == 0 || !is_space(code_point(text.substr(at, length)))) break;
    at += length;
  }
  return at;
}

std::size_t trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && continues(text[begin])) --begin;
    if (character_length(text, begin) != end - begin || !is_space(code_point(text.substr(begin, end - begin)))) break;
    end = begin;
  }
  return text.size() - end;
}

std::string to_nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (size < 0) throw std::bad_alloc();  // the text is well-formed: nothing else can fail
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, std::free);
  return {reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size)};
}

std::string replace_malformed(std::string_view text) {
  std::string replaced;
  replaced.reserve(text.size());
  while (!text.empty()) {
    const std::size_t good = well_formed_prefix(text);
    replaced.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) break;
    replaced += "\xef\xbf\xbd";
    text.remove_prefix(malformed_length(text));
  }
  return replaced;
}

}  // namespace dsrun
