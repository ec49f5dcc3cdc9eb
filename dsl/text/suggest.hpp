// "Did you mean": the known word nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

// The nearest by edit distance (transpositions count one), if near enough to be meant; "" otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace dsrun
