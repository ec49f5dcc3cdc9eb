// PatternCursor: the place up to which a pattern has been read, and the single characters and escapes in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/tokenizer/unicode/character_set.hpp"

namespace dsrun {

// What one item of a pattern matches: a set, and the character if it is a single one.
struct PatternItem {
  CharacterSet set;
  std::optional<std::uint32_t> character;
};

class PatternCursor {
 public:
  explicit PatternCursor(std::string_view pattern) : pattern_(pattern) {}

  bool done() const { return at_ == pattern_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }
  char take() { return pattern_[at_++]; }
  bool take(std::string_view text);  // if it comes next

  PatternItem take_character();            // a character as it is
  PatternItem take_escape(bool in_class);  // after the backslash

  [[noreturn]] void refuse(std::string_view what) const;  // throws std::invalid_argument

 private:
  PatternItem code_point(char kind);
  PatternItem property(bool negated);

  std::string_view pattern_;
  std::size_t at_ = 0;
};

}  // namespace dsrun
