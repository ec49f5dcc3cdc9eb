// What the tokenizer needs to know of characters, beyond regexes.
//
// NFC is utf8proc's, but for characters that the `tokenizers` library's NFC does not know: that one has Unicode 9.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dsl/text/utf8.hpp"

namespace dsrun {

// Of a character that begins with this byte, in well-formed text: its bytes.
inline std::size_t length_by_lead(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// Of a well-formed character.
inline std::uint32_t code_point_of(std::string_view character) {
  std::uint32_t value = static_cast<unsigned char>(character[0]);
  if (character.size() > 1) value &= 0x7fu >> character.size();
  for (const char byte : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3f);
  return value;
}

// Bytes of the longest well-formed UTF-8 at the start of `text`.
std::size_t well_formed_prefix(std::string_view text);

// Bytes of white space (Unicode's property White_Space) at the start and at the end of a text.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

// Whether a text begins or ends with a character that continues a word.
bool begins_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

// Hands on each well-formed run of a text and what is malformed between them, in order.
template <class OnGood, class OnBad>
void for_each_run(std::string_view text, const OnGood& on_good, const OnBad& on_bad) {
  while (!text.empty()) {
    const std::size_t good = well_formed_prefix(text);
    if (good > 0) on_good(text.substr(0, good));
    text.remove_prefix(good);
    std::size_t bad = 0;
    while (bad < text.size() && character_length(text, bad) == 0) ++bad;
    if (bad > 0) on_bad(text.substr(0, bad));
    text.remove_prefix(bad);
  }
}

bool is_ascii(std::string_view text);

std::string to_nfc(std::string_view text);  // of well-formed text

// What was meant to be UTF-8, with U+FFFD in the place of each maximal malformed part, as Rust and browsers do it.
std::string replace_malformed(std::string_view text);

}  // namespace dsrun
