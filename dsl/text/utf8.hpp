// Well-formed UTF-8: toml++ 3.3 has undefined behaviour on anything else, and terminals should not see it either.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dsrun {

// Bytes of the character at `at` (Unicode 15, table 3-7); 0 if it is malformed.
std::size_t character_length(std::string_view text, std::size_t at);

bool is_utf8(std::string_view text);

// Characters of a well-formed text.
std::size_t num_characters(std::string_view text);

// Replaces each malformed byte, and each control character except tab, by one '?', so that columns stay the same.
std::string printable(std::string_view text);

}  // namespace dsrun
