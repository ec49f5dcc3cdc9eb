#include "dsl/transports.hpp"

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <string_view>

namespace dsrun {
namespace {

bool any_is_one_of(const std::vector<std::string>& names, std::initializer_list<std::string_view> wanted) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  });
}

}  // namespace

std::vector<std::string> words_of_list(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

// Of several ways to share memory it is enough that one is left.
bool may_share_memory(const std::vector<std::string>& transports) {
  return transports.empty() || transports[0].starts_with('^') ||
         any_is_one_of(transports, {"all", "sm", "shm", "mm", "posix", "sysv", "cma", "knem", "xpmem"});
}

bool may_use_tcp(const std::vector<std::string>& transports) {
  const bool is_all_but = !transports.empty() && transports[0].starts_with('^');
  return transports.empty() || is_all_but != any_is_one_of(transports, {"all", "tcp", "^tcp"});
}

}  // namespace dsrun
