#include "runtime/tokenizer/regex/pattern_cursor.hpp"

#include <cctype>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "runtime/tokenizer/unicode/properties.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

PatternItem single(std::uint32_t character) { return {{{character, character}}, character}; }
PatternItem any_of(CharacterSet set) { return {std::move(set), std::nullopt}; }

// \w on its own also has Latin-1's superscripts and fractions; in a class it has not.
CharacterSet word_escape(bool in_class) {
  if (in_class) return word_characters();
  return word_characters() | CharacterSet{{0xb2, 0xb3}, {0xb9, 0xb9}, {0xbc, 0xbe}};
}

}  // namespace

void PatternCursor::refuse(std::string_view what) const {
  throw std::invalid_argument(fmt::format("{} is not supported (before byte {} of \"{}\")", what, at_, pattern_));
}

bool PatternCursor::take(std::string_view text) {
  if (!pattern_.substr(at_).starts_with(text)) return false;
  at_ += text.size();
  return true;
}

PatternItem PatternCursor::take_character() {
  const std::size_t length = character_length(pattern_, at_);
  if (length == 0) refuse("malformed UTF-8");
  const std::string_view character = pattern_.substr(at_, length);
  at_ += length;
  return single(code_point_of(character));
}

PatternItem PatternCursor::take_escape(bool in_class) {
  if (done()) refuse("a backslash at the end");
  const char c = take();
  switch (c) {
    case 's':
      return any_of(space_characters());
    case 'S':
      return any_of(~space_characters());
    case 'd':
      return any_of(decimal_characters());
    case 'D':
      return any_of(~decimal_characters());
    case 'w':
      return any_of(word_escape(in_class));
    case 'W':
      return any_of(~word_escape(in_class));
    case 'p':
    case 'P':
      return property(c == 'P');
    case 'x':
    case 'u':
      return code_point(c);
    case 'r':
      return single('\r');
    case 'n':
      return single('\n');
    case 't':
      return single('\t');
    case 'f':
      return single('\f');
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x80 || std::isalnum(byte)) refuse(fmt::format("the escape \\{}", c));
  return single(byte);
}

// \xHH (below 80), \x{H…}, \uHHHH
PatternItem PatternCursor::code_point(char kind) {
  std::string digits;
  const bool braces = kind == 'x' && take("{");
  const std::size_t most = braces ? 6 : kind == 'x' ? 2 : 4;
  while (digits.size() < most && std::isxdigit(static_cast<unsigned char>(peek()))) digits += take();
  if (digits.empty() || (braces && !take("}")) || (kind == 'u' && digits.size() != 4)) refuse("this code point");
  const auto value = static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16));
  if (kind == 'x' && !braces && value >= 0x80) refuse("a byte of a character");
  if (value > last_character) refuse("this code point");
  return single(value);
}

// \p{Name}, \p{^Name}
PatternItem PatternCursor::property(bool negated) {
  if (!take("{")) refuse("a property without braces");
  if (take("^")) negated = !negated;
  const std::size_t end = pattern_.find('}', at_);
  if (end == std::string_view::npos) refuse("a property without end");
  const std::string_view name = pattern_.substr(at_, end - at_);
  const std::optional<CharacterSet> found = find_property(name);
  if (!found) refuse(fmt::format("the property {}", name));
  at_ = end + 1;
  return any_of(negated ? ~*found : *found);
}

}  // namespace dsrun
