// Text that goes into HTML.
#pragma once

#include <string>
#include <string_view>

namespace dsrun {

// For elements' contents and quoted attributes: & < > " ' as references; control characters
// but ends of lines, and malformed bytes, as '?'.
std::string escaped(std::string_view text);

}  // namespace dsrun
