#include "runtime/tokenizer/regex/class_reader.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "runtime/tokenizer/unicode/properties.hpp"

namespace dsrun {
namespace {

constexpr int deepest_class = 32;

// [:alpha:], after its "[:".
CharacterSet read_posix(PatternCursor& pattern) {
  const bool negated = pattern.take("^");
  for (const std::string_view name : {"alpha", "digit", "space", "upper", "lower", "alnum", "cntrl"})
    if (pattern.take(fmt::format("{}:]", name))) return negated ? ~*find_property(name) : *find_property(name);
  if (pattern.take("word:]")) return negated ? ~word_characters() : word_characters();
  if (!pattern.take("punct:]")) pattern.refuse("this class in [: :]");
  const CharacterSet punct = *find_property("P") | *find_property("S");
  return negated ? ~punct : punct;
}

class ClassReader {
 public:
  ClassReader(PatternCursor& pattern, int depth) : pattern_(pattern), depth_(depth) {
    if (depth == deepest_class) pattern.refuse("a class so deep within others");
  }

  // Both after the ^, if there is one. An intersection binds less than what stands beside each other.
  CharacterSet read() {
    CharacterSet all;
    for (bool first = true;; first = false) {
      const CharacterSet part = read_part();
      all = first ? part : all & part;
      if (pattern_.take("]")) return all;
      pattern_.take("&&");
    }
  }

 private:
  // What stands up to a && or the end.
  CharacterSet read_part() {
    CharacterSet part;
    bool empty = true;
    for (; pattern_.peek() != ']' && !at_intersection(); empty = false) {
      if (pattern_.done()) pattern_.refuse("a class without end");
      part |= read_item();
    }
    if (empty) pattern_.refuse(at_intersection() ? "an && with nothing before it" : "a ] that begins a class or part");
    return part;
  }

  bool at_intersection() const { return pattern_.peek() == '&' && pattern_.peek(1) == '&'; }

  CharacterSet read_item() {
    if (pattern_.take("[:")) return read_posix(pattern_);
    if (pattern_.take("[")) {
      const bool negated = pattern_.take("^");
      const CharacterSet inner = ClassReader(pattern_, depth_ + 1).read();
      return negated ? ~inner : inner;
    }
    const PatternItem low = read_one();
    if (!at_range()) return low.set;
    pattern_.take();
    const PatternItem high = read_one();
    if (!low.character || !high.character || *high.character < *low.character) pattern_.refuse("this range");
    if (at_range()) pattern_.refuse("a - after a range");
    return {{*low.character, *high.character}};
  }

  PatternItem read_one() { return pattern_.take("\\") ? pattern_.take_escape(true) : pattern_.take_character(); }

  // A - that stands for itself is at the class's end.
  bool at_range() const { return pattern_.peek() == '-' && pattern_.peek(1) != ']'; }

  PatternCursor& pattern_;
  int depth_;
};

}  // namespace

// Case counts for nothing in the class as a whole, before the ^ at its begin turns it around.
CharacterSet read_class(PatternCursor& pattern, bool ignore_case) {
  const bool negated = pattern.take("^");
  CharacterSet set = ClassReader(pattern, 0).read();
  if (ignore_case) {
    if (has_long_spelling(set)) pattern.refuse("a class where case does not count, with a character such as ß,");
    set = with_other_case(set);
  }
  return negated ? ~set : set;
}

}  // namespace dsrun
