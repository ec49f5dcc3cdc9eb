// Regexes of pre-tokenizers, matched by PCRE2 with its compiler to machine code.
//
// tokenizer.json writes them for Oniguruma. Both dialects mean the same in what such files use; what they mean
// differently is rewritten (\s, \w, \d, names of scripts) or refused with a reason, so that no pattern silently splits
// another way. Two differences remain:
// - Unicode: Debian 12's PCRE2 10.42 knows Unicode 14, the Oniguruma in tokenizers 0.23 Unicode 16. Characters assigned
//   since are unassigned here: 9,272 letters (mostly rare ideographs and hieroglyphs), 773 symbols, 120 numbers, 93
//   marks, 36 punctuation marks. All others agree in every property (make_tokenizer.py --compare-characters).
// - (?i) compares character by character; Oniguruma also lets "ss" match "ß".
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dsrun {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;  // bytes
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
  // Both throw std::invalid_argument that says what the pattern has that is not supported.
  static Regex from_oniguruma(std::string_view pattern);
  static Regex of_text(std::string_view text);  // matches the text itself

  // The first match that begins at or after `from`. `text` must be well-formed UTF-8. Throws std::runtime_error if the
  // pattern needs too many steps.
  std::optional<Span> find(std::string_view text, std::size_t from, RegexScratch& scratch) const;

 private:
  Regex(const std::string& pattern, unsigned options);
  struct Code;
  std::shared_ptr<const Code> code_;
};

// The pattern in PCRE2's dialect. Throws std::invalid_argument.
std::string pcre_of_oniguruma(std::string_view pattern);

}  // namespace dsrun
