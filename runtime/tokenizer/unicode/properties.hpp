// Properties of characters, as the `tokenizers` library has them: the tables in tables/ are made from that library, so
// that the version of Unicode is its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/tokenizer/unicode/character_set.hpp"

namespace dsrun {

// Of regexes. Tokens depend on it: a character that a version does not know is neither letter nor mark.
inline constexpr std::string_view unicode_version = "16.0";

// By the names that a regex has between the braces of \p{}: a general category, a script, and a few others. Case,
// spaces, hyphens and underscores of the name do not count.
std::optional<CharacterSet> find_property(std::string_view name);

const CharacterSet& space_characters();    // \s, White_Space
const CharacterSet& decimal_characters();  // \d, Nd
const CharacterSet& word_characters();     // \w in a class; on its own Oniguruma's has six more, of Latin-1
const CharacterSet& numeric_characters();  // what the pre-tokenizer Digits takes; its version of Unicode is 17
const CharacterSet& opaque_to_nfc();       // left alone by the library's NFC, whose version of Unicode is 9

// Whether a character continues a word, as the flag single_word of an added token asks.
bool touches_word(std::uint32_t character);

// All that is the same where case does not count.
CharacterSet with_other_case(const CharacterSet& set);
// Where case does not count, several characters spell this one: "ss" for "ß".
bool has_long_spelling(const CharacterSet& set);
bool begins_long_spelling(std::uint32_t first, std::uint32_t second);

}  // namespace dsrun
