// tiktoken.model, as Kimi ships it: merges recovered from ranks, special tokens from the file beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/error.hpp"
#include "tests/tokenizer/fixtures.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

Tokenizer kimi() { return Tokenizer::load(fixture_path("kimi/tiktoken.model")); }

TEST(Tiktoken, gives_the_ids_of_the_tiktoken_library) {
  const Tokenizer tokenizer = kimi();
  const std::vector<nlohmann::json> rows = fixture_rows("kimi/texts.jsonl");
  ASSERT_GE(rows.size(), 300u);
  for (const nlohmann::json& row : rows) {
    const auto text = row[0].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text, false), row[1].get<Tokens>()) << row[0];
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false)), text);
  }
}

TEST(Tiktoken, has_the_special_tokens_of_the_configuration_beside_it) {
  const Tokenizer tokenizer = kimi();
  ASSERT_TRUE(tokenizer.end_token());
  EXPECT_EQ(tokenizer.end_token(), tokenizer.find_token("[EOS]"));
  EXPECT_EQ(tokenizer.encode("[BOS]", false), Tokens{*tokenizer.find_token("[BOS]")});
  const Tokens tokens = {*tokenizer.end_token()};
  EXPECT_EQ(tokenizer.decode(tokens), "[EOS]");
  EXPECT_EQ(tokenizer.decode(tokens, true), "");
}

TEST(Tiktoken, becomes_a_tokenizer_json_of_the_same_ids) {
  const Tokenizer tokenizer = kimi(), same = Tokenizer::parse(tokenizer.to_json(), "same");
  EXPECT_EQ(same.vocab_size(), tokenizer.vocab_size());
  for (const nlohmann::json& row : fixture_rows("kimi/texts.jsonl"))
    EXPECT_EQ(same.encode(row[0].get<std::string>(), false), row[1].get<Tokens>()) << row[0];
  const std::string gap = R"({"added_tokens_decoder": {"3": {"content": "[EOS]"}}})";
  EXPECT_EQ(Tokenizer::parse(Tokenizer::parse_tiktoken("YQ== 0\n", gap, "t").to_json(), "t").end_token(), 3);
}

TEST(Tiktoken, recovers_each_merge_from_the_ranks) {
  // "ab" and "abc" of a, b, c; "xyz" has no merge and is found as a whole piece alone.
  const Tokenizer tokenizer =
      Tokenizer::parse_tiktoken("YQ== 0\nYg== 1\nYw== 2\nYWI= 3\nYWJj 4\neHl6 5\neA== 6\n", "", "t");
  EXPECT_EQ(tokenizer.encode("abc", false), Tokens{4});
  EXPECT_EQ(tokenizer.encode("cab", false), (Tokens{2, 3}));
  EXPECT_EQ(tokenizer.encode("xyz", false), Tokens{5});
  EXPECT_EQ(tokenizer.encode("axyz", false), (Tokens{0, 6}));
}

TEST(Tiktoken, says_what_is_wrong) {
  const auto refusal = [](const std::string& text, const std::string& config) -> std::string {
    try {
      Tokenizer::parse_tiktoken(text, config, "t.model");
      return "accepted";
    } catch (const TokenizerError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal("YQ== 0\r\nYg== 1", ""), "accepted");
  EXPECT_THAT(refusal("", ""), HasSubstr("t.model: it holds no token"));
  EXPECT_THAT(refusal("YQ== 0\nnonsense\n", ""), HasSubstr("t.model: line 2: a token in base64"));
  EXPECT_THAT(refusal("Y! 0\n", ""), HasSubstr("line 1: a token in base64"));
  EXPECT_THAT(refusal("YQ== 0\nYg== 0\n", ""), HasSubstr("line 2: two tokens have rank 0"));
  EXPECT_THAT(refusal("YQ== 0\nYQ== 1\n", ""), HasSubstr("line 2: this token has another rank"));
  EXPECT_THAT(refusal("YQ== 1\n", ""), HasSubstr("no token has rank 0"));
  EXPECT_THAT(refusal("YQ== 99999999999\n", ""), HasSubstr("line 1"));
  EXPECT_THAT(refusal("YQ== 0\n", R"({"tokenizer_class": "QWenTokenizer"})"),
              HasSubstr("tokenizer_config.json.tokenizer_class: how this class splits"));
  EXPECT_THAT(refusal("YQ== 0\n", R"({"added_tokens_decoder": {"0": {"content": "x"}}})"), HasSubstr("has this id"));
  EXPECT_THAT(refusal("YQ== 0\n", "[]"), HasSubstr("an object belongs here"));
}

}  // namespace
}  // namespace dsrun::test
