// The dialect of tokenizer.json's regexes: what is rewritten, and what is refused rather than misread.
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/tokenizer/regex/regex.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

std::string first_match(const Pattern& pattern, std::string_view text) {
  RegexScratch scratch;
  const KindTable table({&pattern});
  std::string kinds;
  table.append(text, kinds);
  const auto found = Regex(pattern, table).find(kinds, 0, scratch);
  if (!found) return "nothing";
  KindText rest{text, kinds};
  rest.take(found->begin);
  return std::string(rest.take(found->end - found->begin).text);
}

std::string first_match(std::string_view pattern, std::string_view text) {
  return first_match(read_oniguruma(pattern), text);
}

TEST(Regex, reads_the_dialect) {
  EXPECT_EQ(first_match(R"(\s+)", "a\u180e\u0085\u3000"), "\u0085\u3000");
  EXPECT_EQ(first_match(R"([^\s]+)", "\u2003a\u180e "), "a\u180e");
  EXPECT_EQ(first_match(R"(\w+)", "-é_²١"), "é_²١");
  EXPECT_EQ(first_match(R"([\w]+)", "-é_²١"), "é_");
  EXPECT_EQ(first_match(R"(\d{2,})", "1a٣४"), "٣४");
  EXPECT_EQ(first_match(R"(\p{^Letter}+)", "ab12c"), "12");
  EXPECT_EQ(first_match(R"(\p{Hiragana}+)", "ーひらー"), "ひら");  // ー is common to two scripts
  EXPECT_EQ(first_match(R"((?i:'S))", "x'ſ"), "'ſ");
  EXPECT_EQ(first_match(R"([\u4e00-\u9fa5\x{30a0}]+)", "a一゠"), "一゠");
  EXPECT_EQ(first_match(R"(^b$)", "a\nb\nc"), "b");
  EXPECT_EQ(first_match(R"(a.)", "a\na\r"), "a\r");
}

// What each matches in the tokenizers library: make_unicode.py --patterns compares random ones.
TEST(Regex, works_out_classes) {
  EXPECT_EQ(first_match(R"([\p{L}&&[^\p{Han}]]+)", "中ab中"), "ab");
  EXPECT_EQ(first_match("[a-d&&c-f]+", "abcdef"), "cd");
  EXPECT_EQ(first_match(R"([\p{L}&&\p{Lu}a]+)", "bxaA"), "aA");
  EXPECT_EQ(first_match(R"([^\p{L}&&\p{Lu}]+)", "AB1a"), "1a");
  EXPECT_EQ(first_match(R"([\p{L}&&[^\p{Han}]&&[a-z]]+)", "中Aab"), "ab");
  EXPECT_EQ(first_match("[a[bc]]+", "[cab["), "cab");
  EXPECT_EQ(first_match("[&a&]+", "b&a"), "&a");
  EXPECT_EQ(first_match("[a-]+|[-b]+", "a-b"), "a-");
  EXPECT_EQ(first_match("[[:alpha:]]+", "1é中:"), "é中");
  EXPECT_EQ(first_match("[[:^alpha:]]+", "é1:"), "1:");
  EXPECT_EQ(first_match("[[:punct:]]+", "a$+¢!"), "$+¢!");
}

TEST(Regex, takes_letters_of_either_case_for_one) {
  EXPECT_EQ(first_match("(?i:k)+", "xkK\u212a"), "kK\u212a");
  EXPECT_EQ(first_match("(?i:[a-c]+)x", "aBCx"), "aBCx");
  EXPECT_EQ(first_match("(?i:[^b])+", "bBaA"), "aA");
  EXPECT_EQ(first_match("a(?i)b|c", "CaC"), "aC");
  EXPECT_EQ(first_match("(?:a(?i)b)c", "aBCaBc"), "aBc");
  EXPECT_EQ(first_match("(?i:\u1c8a)", "\u1c89"), "\u1c89");
  for (const char* pattern : {"(?i:ss)", "(?i:ß)", "(?i:[ß])", "(?i:ﬀ)"})
    EXPECT_THROW(read_oniguruma(pattern), std::invalid_argument) << pattern;
}

TEST(Regex, tells_128_kinds_of_characters_apart_outside_of_ascii) {
  std::string letters;
  for (int i = 0; i < 127; ++i)
    letters += {static_cast<char>(0xe4), static_cast<char>(0xb8 + i / 64), static_cast<char>(0x80 + i % 64)};
  EXPECT_EQ(first_match(letters, "x" + letters), letters);
  EXPECT_THROW(first_match(letters + "é", "a"), std::invalid_argument);
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "[a\\x{" + std::to_string(4000 + i) + "}]";
  EXPECT_THROW(first_match(many, "a"), std::invalid_argument);
}

TEST(Regex, refuses_what_the_dialects_read_differently) {
  for (const char* pattern :
       {R"(\bword)",  R"(\h)",          R"(\R)",     R"(\X)",   R"(\G)",     R"((a)\1)", R"(\v)",      R"(\pL)",
        R"(\p{L)",    R"(\p{No such})", R"(\p{L1})", R"(\xe9)", R"(\x{zz})", R"(\u12)",  "[a[bc]",     "[a&&]",
        "[[:nope:]]", "[]a]",           "[a",        "[^]",     "(?m:a)",    "(?x)a",    "(?<name>a)", "(?#note)",
        "(*UTF)",     "a{,3}",          "a{3}+",     "a{3}?",   "a{x}",      "(a",       "a)",         "*",
        "a\\"}) {
    EXPECT_THROW(first_match(pattern, "a"), std::invalid_argument) << pattern;
  }
}

TEST(Regex, says_what_it_refuses_and_where) {
  try {
    read_oniguruma(R"(a|\b)");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr(R"(the escape \b is not supported (before byte 4 of "a|\b"))"));
  }
}

TEST(Regex, gives_up_on_a_pattern_that_needs_too_many_steps) {
  EXPECT_THROW(first_match("(?:a|b|aa)+[cd]", std::string(200, 'a')), std::runtime_error);
}

TEST(Regex, finds_a_text_as_it_is) {
  EXPECT_EQ(first_match(pattern_of_text("a.(é"), "abc a.(é"), "a.(é");
  EXPECT_EQ(first_match(pattern_of_text("a.("), "ab("), "nothing");
}

}  // namespace
}  // namespace dsrun::test
