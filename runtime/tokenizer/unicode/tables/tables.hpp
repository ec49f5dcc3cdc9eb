// Tables of characters, made by make_tables.py. Within runtime/tokenizer/unicode only: properties.hpp answers with
// them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/tokenizer/unicode/character_set.hpp"

namespace dsrun {

struct ScriptName {
  std::string_view full, code;  // "Latin", "Latn"
};

struct CaseClass {
  std::array<std::uint32_t, 4> characters;  // 0: none
};

struct CaseExpansion {
  std::uint32_t character;
  std::array<std::uint32_t, 3> spelled;  // 0: none
};

// Where a category or a script begins that goes on up to the next entry: the character · 256 + its number.
extern const std::span<const std::uint32_t> category_starts, script_starts;
extern const std::span<const ScriptName> script_names;  // by number

// Beside what general categories say: of L and Nl, Ll, Lu, N.
extern const std::span<const CharacterRange> other_alphabetic, other_lowercase, other_uppercase, other_numeric;
extern const std::span<const CharacterRange> white_space;
// Characters that the library's NFC leaves as they are, and later versions of Unicode order or compose.
extern const std::span<const CharacterRange> unknown_to_nfc;

extern const std::span<const CaseClass> case_classes;         // what is one character where case does not count
extern const std::span<const CaseExpansion> case_expansions;  // what several characters spell there: "ss" for "ß"

}  // namespace dsrun
