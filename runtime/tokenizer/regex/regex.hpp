// Regexes of pre-tokenizers, matched over kinds of characters by PCRE2 with its compiler to machine code.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/tokenizer/regex/kinds.hpp"

namespace dsrun {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;  // characters
};

// What a match writes to. One a thread.
class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

class Regex {
 public:
  // `kinds` must have been made of this pattern, perhaps among others. Throws std::invalid_argument that says what is
  // wrong with the pattern.
  Regex(const Pattern& pattern, const KindTable& kinds);

  // The first match that begins at or after `from`, in the kinds of a text. Throws std::runtime_error if the pattern
  // needs too many steps.
  std::optional<Span> find(std::string_view kinds, std::size_t from, RegexScratch& scratch) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
};

}  // namespace dsrun
