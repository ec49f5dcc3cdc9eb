// What the tokenizer needs to know of characters, beyond regexes.
//
// NFC is utf8proc's (2.8: Unicode 15), and changes no character that earlier versions know.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dsrun {

// Bytes of the longest well-formed UTF-8 at the start of `text`.
std::size_t well_formed_prefix(std::string_view text);

// Bytes of white space (Unicode's property White_Space) at the start and at the end of a text.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

bool is_ascii(std::string_view text);

std::string to_nfc(std::string_view text);  // of well-formed text

// What was meant to be UTF-8, with U+FFFD in the place of each maximal malformed part, as Rust and browsers do it.
std::string replace_malformed(std::string_view text);

}  // namespace dsrun
