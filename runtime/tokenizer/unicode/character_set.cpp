#include "runtime/tokenizer/unicode/character_set.hpp"

#include <algorithm>

namespace dsrun {

CharacterSet::CharacterSet(std::vector<CharacterRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const CharacterRange& each : ranges) {
    if (!ranges_.empty() && each.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, each.last);
    } else {
      ranges_.push_back(each);
    }
  }
}

bool CharacterSet::contains(std::uint32_t character) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), character,
                                      [](std::uint32_t c, const CharacterRange& range) { return c < range.first; });
  return after != ranges_.begin() && character <= std::prev(after)->last;
}

CharacterSet CharacterSet::operator|(const CharacterSet& other) const {
  std::vector<CharacterRange> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return CharacterSet(std::move(both));
}

CharacterSet CharacterSet::operator~() const {
  std::vector<CharacterRange> gaps;
  std::uint32_t next = 0;
  for (const CharacterRange& range : ranges_) {
    if (range.first > next) gaps.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= last_character) gaps.push_back({next, last_character});
  return CharacterSet(std::move(gaps));
}

}  // namespace dsrun
