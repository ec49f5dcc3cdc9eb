#include "runtime/tokenizer/added_tokens.hpp"

#include <algorithm>

#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {

void AddedTokenFinder::add(const AddedToken& token, std::string_view pattern) {
  if (pattern.empty()) return;
  begins_[static_cast<unsigned char>(pattern[0])] = true;
  std::uint32_t node = 0;
  for (const char byte : pattern) {
    const std::uint64_t edge = std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
    const auto [at, added] = edges_.try_emplace(edge, static_cast<std::uint32_t>(ends_.size()));
    if (added) ends_.push_back(0);
    node = at->second;
  }
  if (ends_[node] != 0) return;  // two tokens that are the same once normalized: the first counts
  tokens_.push_back(token);
  ends_[node] = static_cast<std::uint32_t>(tokens_.size());
}

AddedTokenFinder::Found AddedTokenFinder::longest_at(std::string_view text) const {
  Found found;
  std::uint32_t node = 0;
  for (std::size_t size = 0; size < text.size();) {
    const auto edge = edges_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[size]));
    if (edge == edges_.end()) break;
    node = edge->second;
    ++size;
    if (ends_[node] != 0) found = {size, ends_[node] - 1};
  }
  return found;
}

// The rules of the reference, in its order: a match that is not on its own as single_word wants is passed over whole;
// lstrip takes only what no token before took.
void AddedTokenFinder::split(std::string_view text, const OnPart& on_part) const {
  std::size_t done = 0, at = 0;
  while (!tokens_.empty() && at < text.size()) {
    if (!begins_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const Found found = longest_at(text.substr(at));
    if (found.size == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[found.token];
    std::size_t begin = at, end = at + found.size;
    at = end;
    if (token.single_word && (ends_with_word(text.substr(0, begin)) || begins_with_word(text.substr(end)))) continue;
    if (token.lstrip) begin = std::max(begin - trailing_space(text.substr(0, begin)), done);
    if (token.rstrip) end += leading_space(text.substr(end));
    if (done < begin) on_part(no_token, text.substr(done, begin - done));
    on_part(token.id, text.substr(begin, end - begin));
    done = end;
  }
  if (done < text.size()) on_part(no_token, text.substr(done));
}

}  // namespace dsrun
