// The dialect of tokenizer.json's regexes: what is rewritten, and what is refused rather than misread.
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/tokenizer/unicode/regex.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

std::string first_match(std::string_view pattern, std::string_view text) {
  RegexScratch scratch;
  const auto found = Regex::from_oniguruma(pattern).find(text, 0, scratch);
  return found ? std::string(text.substr(found->begin, found->end - found->begin)) : "nothing";
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

TEST(Regex, refuses_what_the_dialects_read_differently) {
  for (const char* pattern :
       {R"(\bword)",   R"(\h)",          R"(\R)",     R"(\X)",   R"(\G)",     R"((a)\1)", R"(\v)",      R"(\pL)",
        R"(\p{L)",     R"(\p{No such})", R"(\p{L1})", R"(\xe9)", R"(\x{zz})", R"(\u12)",  "[a[bc]]",    "[a&&b]",
        "[[:alpha:]]", "[]a]",           "[a",        "[^]",     "(?m:a)",    "(?x)a",    "(?<name>a)", "(?#note)",
        "(*UTF)",      "a{,3}",          "a{3}+",     "a{3}?",   "a{x}",      "(a",       "a)",         "*",
        "a\\"}) {
    EXPECT_THROW(Regex::from_oniguruma(pattern), std::invalid_argument) << pattern;
  }
}

TEST(Regex, says_what_it_refuses_and_where) {
  try {
    Regex::from_oniguruma(R"(a|\b)");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr(R"(the escape \b is not supported (before byte 4 of "a|\b"))"));
  }
}

TEST(Regex, gives_up_on_a_pattern_that_needs_too_many_steps) {
  RegexScratch scratch;
  const Regex slow = Regex::from_oniguruma("(?:a|b|aa)+[cd]");
  EXPECT_THROW(slow.find(std::string(200, 'a'), 0, scratch), std::runtime_error);
}

TEST(Regex, finds_a_text_as_it_is) {
  RegexScratch scratch;
  const auto found = Regex::of_text("a.(").find("abc a.(", 0, scratch);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->begin, 4u);
  EXPECT_FALSE(Regex::of_text("a.(").find("ab(", 0, scratch));
}

}  // namespace
}  // namespace dsrun::test
