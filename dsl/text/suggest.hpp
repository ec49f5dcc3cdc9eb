// "Did you mean": the known word nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

// The nearest word by edit distance (a transposition counts as one edit), if it is near enough; "" otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace dsrun
