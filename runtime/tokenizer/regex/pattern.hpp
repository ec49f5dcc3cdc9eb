// Pattern: a regex of a tokenizer.json, its characters replaced by sets of characters.
//
// tokenizer.json writes them for Oniguruma with its default syntax. Sets are worked out here: escapes, properties,
// ranges, classes within classes, intersections, and what is the same where case does not count. So only the rest,
// which both engines read alike, is left to PCRE2, and no set depends on the version of Unicode that PCRE2 has. What
// the two mean differently is refused with a reason, so that no pattern silently splits another way.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/tokenizer/unicode/character_set.hpp"

namespace dsrun {

struct Pattern {
  using Part = std::variant<std::string, CharacterSet>;  // PCRE2's operators, or one character of a set
  std::vector<Part> parts;
  std::string source;  // for messages
};

// Throws std::invalid_argument that says what the pattern has that is not supported.
Pattern read_oniguruma(std::string_view pattern);
Pattern pattern_of_text(std::string_view text);  // matches the text itself, which is well-formed UTF-8

}  // namespace dsrun
