// From Oniguruma's dialect (with its default syntax) to PCRE2's: a table of what is known to mean the same, or how to
// say it. To admit more, add it to the function that reads it, and a line to tests/tokenizer/regex_test.cpp.
#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "runtime/tokenizer/unicode/regex.hpp"

namespace dsrun {
namespace {

// PCRE2's own \s also has U+180E; spelled out, it is faster too.
constexpr std::string_view space =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Oniguruma has two tables: \w on its own also has Latin-1's superscripts and fractions, \w in a class does not.
constexpr std::string_view word_in_class = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

using Name = std::pair<std::string_view, std::string_view>;
constexpr std::array general_categories = {
    Name{"letter", "L"},  Name{"uppercaseletter", "Lu"}, Name{"lowercaseletter", "Ll"}, Name{"titlecaseletter", "Lt"},
    Name{"mark", "M"},    Name{"number", "N"},           Name{"decimalnumber", "Nd"},   Name{"punctuation", "P"},
    Name{"symbol", "S"},  Name{"separator", "Z"},        Name{"spaceseparator", "Zs"},  Name{"other", "C"},
    Name{"control", "Cc"}};
constexpr std::string_view short_categories =
    " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn ";

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = take();
      if (c == '\\') {
        escape(false);
      } else if (c == '[') {
        character_class();
      } else if (c == '(') {
        group();
      } else if (c == '{') {
        interval();
      } else {
        out_ += c;
      }
    }
    return out_;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw std::invalid_argument(fmt::format("{} is not supported (before byte {} of \"{}\")", what, at_, pattern_));
  }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }
  char take() { return pattern_[at_++]; }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  void escape(bool in_class) {
    if (at_ == pattern_.size()) refuse("a backslash at the end");
    const char c = take();
    const auto add_set = [&](std::string_view set) { out_ += in_class ? std::string(set) : fmt::format("[{}]", set); };
    if (c == 's') return add_set(space);
    if (c == 'w') return add_set(in_class ? word_in_class : word);
    if (c == 'S' && !in_class) return static_cast<void>(out_ += fmt::format("[^{}]", space));
    if (c == 'W' && !in_class) return static_cast<void>(out_ += fmt::format("[^{}]", word));
    if (c == 'S') return static_cast<void>(out_ += R"(\P{White_Space})");
    if (c == 'd') return static_cast<void>(out_ += R"(\p{Nd})");
    if (c == 'D') return static_cast<void>(out_ += R"(\P{Nd})");
    if (c == 'p' || c == 'P') return property(c == 'P');
    if (c == 'x' || c == 'u') return code_point(c);
    const bool anchor = !in_class && (c == 'A' || c == 'z' || c == 'Z');
    const bool control = c == 'r' || c == 'n' || c == 't' || c == 'f';
    const bool itself = static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c));
    if (!anchor && !control && !itself) refuse(fmt::format("the escape \\{}", c));
    out_ += '\\';
    out_ += c;
  }

  // \xHH (below 80), \x{H…}, \uHHHH
  void code_point(char kind) {
    std::string digits;
    const bool braces = kind == 'x' && take("{");
    const std::size_t most = braces ? 6 : kind == 'x' ? 2 : 4;
    while (digits.size() < most && std::isxdigit(static_cast<unsigned char>(peek()))) digits += take();
    if (digits.empty() || (braces && !take("}")) || (kind == 'u' && digits.size() != 4)) refuse("this code point");
    if (kind == 'x' && !braces && std::stoul(digits, nullptr, 16) >= 0x80) refuse("a byte of a character");
    out_ += fmt::format("\\x{{{}}}", digits);
  }

  // \p{Name}, \p{^Name}: a general category as it is, anything else as a script.
  void property(bool negated) {
    if (!take("{")) refuse("a property without braces");
    if (take("^")) negated = !negated;
    const std::size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos) refuse("a property without end");
    const std::string_view name = pattern_.substr(at_, end - at_);
    std::string plain;
    for (const char c : name) {
      if (c == '_' || c == ' ' || c == '-') continue;
      if (!std::isalpha(static_cast<unsigned char>(c))) refuse(fmt::format("the property {}", name));
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    at_ = end + 1;
    out_ += negated ? "\\P{" : "\\p{";
    const auto* known = std::find_if(general_categories.begin(), general_categories.end(),
                                     [&](const Name& each) { return each.first == plain; });
    if (known != general_categories.end()) {
      out_ += known->second;
    } else if (short_categories.find(fmt::format(" {} ", name)) != std::string_view::npos) {
      out_ += name;
    } else if (plain == "alphabetic" || plain == "lowercase" || plain == "uppercase" || plain == "whitespace") {
      out_ += plain;
    } else {
      out_ += "sc:" + plain;
    }
    out_ += '}';
  }

  void character_class() {
    out_ += '[';
    if (take("^")) out_ += '^';
    if (peek() == ']') refuse("a ] that begins a class");
    while (at_ < pattern_.size()) {
      const char c = take();
      if (c == ']') return static_cast<void>(out_ += c);
      if (c == '[') refuse("a class within a class");
      if (c == '&' && peek() == '&') refuse("an intersection of classes");
      if (c == '\\') {
        escape(true);
      } else {
        out_ += c;
      }
    }
    refuse("a class without end");
  }

  void group() {
    out_ += '(';
    if (peek() == '*') refuse("(*");
    if (peek() != '?') return;
    for (const std::string_view kind : {"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:", "?i)"}) {
      if (!take(kind)) continue;
      out_ += kind;
      return;
    }
    refuse("this kind of group");
  }

  // {n}, {n,}, {n,m}; what follows a { is no interval elsewhere.
  void interval() {
    std::string text = "{";
    while (std::isdigit(static_cast<unsigned char>(peek()))) text += take();
    const bool from = text.size() > 1, single = peek() != ',';
    if (!single) text += take();
    while (!single && std::isdigit(static_cast<unsigned char>(peek()))) text += take();
    if (!from || !take("}")) refuse("a { that begins no interval {n}, {n,} or {n,m}");
    if (peek() == '+' || (single && peek() == '?')) refuse("a + or ? after this interval");
    out_ += text + "}";
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string pcre_of_oniguruma(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace dsrun
