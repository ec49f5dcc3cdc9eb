// A class of characters, such as [a-z\p{L}&&[^\p{Han}]], as the set that it means.
#pragma once

#include "runtime/tokenizer/regex/pattern_cursor.hpp"

namespace dsrun {

// After its [, up to and with its ]. `ignore_case`: what differs in case alone belongs to it as well. Throws
// std::invalid_argument.
CharacterSet read_class(PatternCursor& pattern, bool ignore_case);

}  // namespace dsrun
