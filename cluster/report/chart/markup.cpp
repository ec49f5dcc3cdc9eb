#include "cluster/report/chart/markup.hpp"

#include "dsl/text/utf8.hpp"

namespace dsrun {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text.substr(0, text.find('\n')))) switch (c) {
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
        out += c;
    }
  const std::size_t end = text.find('\n');
  return end == std::string_view::npos ? out : out + '\n' + escaped(text.substr(end + 1));
}

}  // namespace dsrun
