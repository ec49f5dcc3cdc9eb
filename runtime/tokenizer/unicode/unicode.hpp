// What the tokenizer needs to know of characters, beyond regexes.
//
// NFC is utf8proc's (2.8: Unicode 15), and changes no character that earlier versions know.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dsl/text/utf8.hpp"

namespace dsrun {

// Bytes of the longest well-formed UTF-8 at the start of `text`.
std::size_t well_formed_prefix(std::string_view text);

// Bytes of white space (Unicode's property White_Space) at the start and at the end of a text.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

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
