// Whether a text begins or ends with a word character, as Unicode's annex on regexes defines it (UTS 18: \w).
#pragma once

#include <string_view>

namespace dsrun {

bool begins_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

}  // namespace dsrun
