// Text that goes into HTML.
#pragma once

#include <string>
#include <string_view>

namespace dsrun {

// Escapes text for elements' contents and quoted attributes. It writes & < > " ' as references; control characters
// except ends of lines, and malformed bytes, as '?'.
std::string escaped(std::string_view text);

}  // namespace dsrun
