// To admit more of Oniguruma's dialect, add it to the function that reads it, and a line to
// tests/tokenizer/regex_test.cpp.
#include "runtime/tokenizer/regex/pattern.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "runtime/tokenizer/regex/class_reader.hpp"
#include "runtime/tokenizer/regex/pattern_cursor.hpp"
#include "runtime/tokenizer/unicode/properties.hpp"

namespace dsrun {
namespace {

class PatternReader {
 public:
  explicit PatternReader(std::string_view pattern) : pattern_(pattern) { result_.source = pattern; }

  Pattern run() {
    while (!pattern_.done()) read_one();
    put(std::string(groups_.back().extra, ')'));
    return std::move(result_);
  }

 private:
  struct Group {
    bool ignore_case = false;
    std::size_t extra = 0;  // groups that an option within has opened: they end where this one ends
  };

  void read_one() {
    const std::optional<std::uint32_t> before = std::exchange(literal_, std::nullopt);
    const char next = pattern_.peek();
    if (pattern_.take("\\")) {
      escape(before);
    } else if (pattern_.take("[")) {
      put(read_class(pattern_, ignores_case()));
    } else if (pattern_.take("(")) {
      group();
    } else if (pattern_.take(")")) {
      close();
    } else if (pattern_.take("{")) {
      interval();
    } else if (pattern_.take(".")) {
      put(~CharacterSet{{'\n', '\n'}});
    } else if (std::string_view("|*+?^$").find(next) != std::string_view::npos) {
      put(std::string(1, pattern_.take()));
    } else {
      put(pattern_.take_character(), before);
    }
  }

  bool ignores_case() const { return groups_.back().ignore_case; }
  void put(std::string operators) { result_.parts.emplace_back(std::move(operators)); }
  void put(CharacterSet set) { result_.parts.emplace_back(std::move(set)); }

  // `before`: the character that stands right before it.
  void put(const PatternItem& item, std::optional<std::uint32_t> before) {
    if (!ignores_case()) return put(item.set);
    if (has_long_spelling(item.set) || (before && item.character && begins_long_spelling(*before, *item.character)))
      pattern_.refuse("(?i) with a character that has a spelling of several, such as ß and ss,");
    literal_ = item.character;
    put(item.character ? with_other_case(item.set) : item.set);
  }

  void escape(std::optional<std::uint32_t> before) {
    const char c = pattern_.peek();
    if (c == 'A' || c == 'z' || c == 'Z') return put(std::string{'\\', pattern_.take()});
    put(pattern_.take_escape(false), before);
  }

  void group() {
    if (pattern_.peek() == '*') pattern_.refuse("(*");
    if (pattern_.peek() != '?') return open("(", ignores_case());
    if (pattern_.take("?i:")) return open("(?:", true);
    if (pattern_.take("?i)")) {  // up to the end of the group around it, whatever alternatives follow
      put(std::string("(?:"));
      groups_.back().ignore_case = true;
      ++groups_.back().extra;
      return;
    }
    for (const std::string_view kind : {"?:", "?=", "?!", "?<=", "?<!", "?>"})
      if (pattern_.take(kind)) return open("(" + std::string(kind), ignores_case());
    pattern_.refuse("this kind of group");
  }

  void open(std::string operators, bool ignore_case) {
    put(std::move(operators));
    groups_.push_back({ignore_case, 0});
  }

  void close() {
    put(std::string(groups_.back().extra + 1, ')'));
    if (groups_.size() == 1) pattern_.refuse("a ) without its (");
    groups_.pop_back();
  }

  // {n}, {n,}, {n,m}; what follows a { is no interval elsewhere.
  void interval() {
    std::string text = "{";
    const auto take_digits = [&] {
      while (std::isdigit(static_cast<unsigned char>(pattern_.peek()))) text += pattern_.take();
    };
    take_digits();
    const bool from = text.size() > 1, single = pattern_.peek() != ',';
    if (!single) text += pattern_.take();
    if (!single) take_digits();
    if (!from || !pattern_.take("}")) pattern_.refuse("a { that begins no interval {n}, {n,} or {n,m}");
    if (pattern_.peek() == '+' || (single && pattern_.peek() == '?')) pattern_.refuse("a + or ? after this interval");
    put(text + "}");
  }

  PatternCursor pattern_;
  Pattern result_;
  std::vector<Group> groups_ = {{}};
  std::optional<std::uint32_t> literal_;  // the character just put, where case does not count
};

}  // namespace

Pattern read_oniguruma(std::string_view pattern) { return PatternReader(pattern).run(); }

Pattern pattern_of_text(std::string_view text) {
  Pattern result{{}, std::string(text)};
  for (PatternCursor cursor(text); !cursor.done();) result.parts.emplace_back(cursor.take_character().set);
  return result;
}

}  // namespace dsrun
