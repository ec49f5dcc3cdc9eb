// Vocabularies against those that the `tokenizers` library trains from the same texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/train/tokenizer_json.hpp"
#include "runtime/tokenizer/train/train.hpp"
#include "tests/tokenizer/fixtures.hpp"

namespace dsrun::test {
namespace {

using testing::HasSubstr;

std::vector<std::string> texts() {
  std::vector<std::string> all;
  for (const nlohmann::json& row : fixture_rows("texts.jsonl")) all.push_back(row[0]);
  return all;
}

std::string train(const BpeTraining& how, const std::vector<std::string>& from) {
  BpeTrainer trainer(how);
  for (const std::string& text : from) trainer.add(text);
  return trainer.train().tokenizer_json;
}

TEST(Train, makes_the_vocabulary_of_the_reference) {
  const std::vector<std::string> from = texts();
  const std::vector<nlohmann::json> rows = fixture_rows("trained.jsonl");
  ASSERT_EQ(rows.size(), 6u);
  for (const nlohmann::json& row : rows) {
    SCOPED_TRACE(testing::Message() << row["pre_tokenizer"] << " " << row["min_frequency"]);
    const std::string file = train({900, row["pre_tokenizer"], row["special_tokens"], row["min_frequency"]}, from);
    const nlohmann::json json = nlohmann::json::parse(file);
    std::vector<std::string> merges;
    for (const nlohmann::json& pair : json["model"]["merges"])
      merges.push_back(pair[0].get<std::string>() + " " + pair[1].get<std::string>());
    EXPECT_EQ(merges, row["merges"].get<std::vector<std::string>>());
    EXPECT_EQ(json["model"]["vocab"].size(), row["vocab_size"].get<std::size_t>());
  }
}

TEST(Train, what_it_makes_reads_any_text) {
  const std::vector<std::string> from = texts();
  const Tokenizer tokenizer = Tokenizer::parse(train({1200}, from), "trained");
  EXPECT_EQ(tokenizer.vocab_size(), 1200);
  EXPECT_EQ(tokenizer.find_token("<｜begin▁of▁sentence｜>"), 0);
  EXPECT_EQ(tokenizer.end_token(), 1);
  std::size_t bytes = 0, tokens = 0;
  for (const std::string& text : from) {
    const Tokens encoded = tokenizer.encode(text, false);
    EXPECT_EQ(tokenizer.decode_bytes(encoded), text);
    bytes += text.size();
    tokens += encoded.size();
  }
  EXPECT_GT(bytes, tokens * 3 / 2);
  const std::string odd = "\xff\xfe not UTF-8 \x80";
  EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(odd, false)), odd);
}

TEST(Train, bytes_have_a_tokenizer_too) {
  const Tokenizer tokenizer = Tokenizer::parse(byte_tokenizer_json(), "bytes");
  EXPECT_EQ(tokenizer.vocab_size(), 256);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "a word, ü 中";
  Tokens expected;
  for (const char byte : all) expected.push_back(static_cast<unsigned char>(byte));
  EXPECT_EQ(tokenizer.encode(all, true), expected);
  EXPECT_EQ(tokenizer.decode_bytes(expected), all);
}

TEST(Train, counts_the_tokens_that_encoding_makes) {
  for (const char* pre_tokenizer : {"deepseek-v3", "gpt2"}) {
    BpeTrainer trainer({1200, pre_tokenizer, {}});  // the texts hold names of special tokens
    for (const std::string& text : texts()) trainer.add(text);
    trainer.add("\xff\xfe not UTF-8 \x80");
    const TrainedVocabulary trained = trainer.train();
    EXPECT_EQ(trained.size, 1200);
    const Tokenizer tokenizer = Tokenizer::parse(trained.tokenizer_json, "trained");
    std::size_t tokens = tokenizer.encode("\xff\xfe not UTF-8 \x80", false).size();
    for (const std::string& text : texts()) tokens += tokenizer.encode(text, false).size();
    EXPECT_EQ(trained.text_tokens, static_cast<std::int64_t>(tokens)) << pre_tokenizer;
  }
}

TEST(Train, does_not_depend_on_the_order_of_texts) {
  std::vector<std::string> from = texts();
  const std::string one = train({700}, from);
  std::reverse(from.begin(), from.end());
  EXPECT_EQ(one, train({700}, from));
}

TEST(Train, stops_where_the_text_has_no_more_pairs) {
  const Tokenizer tokenizer = Tokenizer::parse(train({1000, "gpt2", {}, 2}, {"ababab ababab", ""}), "trained");
  EXPECT_LT(tokenizer.vocab_size(), 262);
  EXPECT_GT(tokenizer.vocab_size(), 256);
  EXPECT_EQ(Tokenizer::parse(train({300}, {}), "trained").vocab_size(), 262);
}

TEST(Train, says_what_cannot_be) {
  const auto fault = [](const BpeTraining& how) -> std::string {
    try {
      BpeTrainer trainer(how);
      return "";
    } catch (const TokenizerError& error) {
      return error.what();
    }
  };
  EXPECT_THAT(fault({200}), HasSubstr("a vocabulary of 200 is too small"));
  EXPECT_THAT(fault({300, "other"}), HasSubstr("no pre-tokenizer \"other\""));
  EXPECT_THAT(fault({300, "gpt2", {"a", "a"}}), HasSubstr("twice"));
  EXPECT_THAT(fault({300, "gpt2", {"\xff"}}), HasSubstr("UTF-8"));
}

}  // namespace
}  // namespace dsrun::test
