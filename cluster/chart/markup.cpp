#include "cluster/chart/markup.hpp"

#include "dsl/utf8.hpp"

namespace dsrun {

std::string escaped(std::string_view text) {
  const std::string shown = printable(text);
  std::string out;
  for (std::size_t at = 0; at < shown.size(); ++at) switch (shown[at]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += text[at] == '\n' ? '\n' : shown[at];  // printable() keeps every byte's place
    }
  return out;
}

}  // namespace dsrun
