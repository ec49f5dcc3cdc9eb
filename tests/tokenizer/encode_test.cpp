// Encoding and decoding against the reference's results, and what the reference has no say in: long words, malformed
// bytes, threads.
#include <chrono>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/tokenizer/fixtures.hpp"

namespace dsrun::test {
namespace {

TEST(Encode, equals_the_reference_on_texts_of_many_scripts) {
  const Tokenizer deepseek = Tokenizer::load(fixture_path("deepseek.json"));
  const Tokenizer gpt2 = Tokenizer::load(fixture_path("gpt2.json"));
  const std::vector<nlohmann::json> rows = fixture_rows("texts.jsonl");
  ASSERT_GE(rows.size(), 1800u);
  for (const nlohmann::json& row : rows) {
    const auto text = row[0].get<std::string>();
    EXPECT_EQ(deepseek.encode(text, false), row[1].get<Tokens>()) << row[0];
    EXPECT_EQ(gpt2.encode(text, false), row[2].get<Tokens>()) << row[0];
    EXPECT_EQ(gpt2.decode(gpt2.encode(text, false)), text);
  }
}

TEST(Encode, equals_the_reference_under_other_settings) {
  const std::vector<nlohmann::json> rows = fixture_rows("variants.jsonl");
  ASSERT_GE(rows.size(), 30u);
  for (const nlohmann::json& row : rows) {
    nlohmann::json json = deepseek_json();
    for (const auto& [key, value] : row["changes"].items()) {
      if (key == "model") {
        json[key].update(value);
      } else {
        json[key] = value;
      }
    }
    const Tokenizer tokenizer = Tokenizer::parse(json.dump(), row["name"]);
    for (const nlohmann::json& each : row["cases"])
      EXPECT_EQ(tokenizer.encode(each[0].get<std::string>(), true), each[1].get<Tokens>())
          << row["name"] << " " << each[0];
  }
}

TEST(Encode, puts_special_tokens_where_the_template_says) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("deepseek.json"));
  const std::int32_t begin = *tokenizer.find_token("<｜begin▁of▁sentence｜>");
  Tokens expected = tokenizer.encode("word", false);
  EXPECT_EQ(tokenizer.decode(expected), "word");
  expected.insert(expected.begin(), begin);
  EXPECT_EQ(tokenizer.encode("word", true), expected);
  EXPECT_EQ(tokenizer.encode("<｜begin▁of▁sentence｜>word", false), expected);
  EXPECT_EQ(tokenizer.decode(expected), "<｜begin▁of▁sentence｜>word");
  EXPECT_EQ(tokenizer.decode(expected, true), "word");
}

TEST(Encode, knows_tokens_by_name) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("gpt2.json"));
  EXPECT_EQ(tokenizer.vocab_size(), 2000);
  EXPECT_EQ(tokenizer.find_token("<|endoftext|>"), 0);
  ASSERT_TRUE(tokenizer.find_token("Ġand"));
  EXPECT_EQ(tokenizer.decode(Tokens{*tokenizer.find_token("Ġand")}), " and");
  EXPECT_EQ(tokenizer.find_token(" and"), std::nullopt);
}

TEST(Decode, leaves_out_ids_without_token) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("gpt2.json"));
  EXPECT_EQ(tokenizer.decode(Tokens{-1, 2000, 1 << 30}), "");
}

TEST(Decode, replaces_maximal_malformed_parts_unless_bytes_are_asked_for) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("gpt2.json"));
  // As Unicode 15, table 3-8 has it: one U+FFFD for each of 61, F1 80 80, E1 80, C2, 62, 80, 63.
  const std::string bytes =
      "a\xf1\x80\x80\xe1\x80\xc2"
      "b\x80"
      "c";
  const Tokens tokens = tokenizer.encode(bytes, false);
  EXPECT_EQ(tokenizer.decode_bytes(tokens), bytes);
  EXPECT_EQ(tokenizer.decode(tokens),
            "a\ufffd\ufffd\ufffd"
            "b\ufffd"
            "c");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("\xf0\x80\x80\xed\xa0\x80", false)),
            "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd");
}

TEST(Encode, keeps_any_bytes) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("gpt2.json"));
  std::mt19937 random(3);
  for (int turn = 0; turn < 500; ++turn) {
    std::string bytes;
    for (unsigned size = random() % 60; size > 0; --size)
      bytes += random() % 3 == 0 ? static_cast<char>(random()) : "a é🙂 "[random() % 9];
    EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(bytes, false)), bytes);
  }
}

std::string random_letters(std::size_t size) {
  std::mt19937 random(11);
  std::string letters(size, ' ');
  for (char& c : letters) c = "etaoinshrdlu"[random() % 12];
  return letters;
}

// Looking at every pair for every merge would take hours.
TEST(Encode, takes_a_megabyte_without_a_space_in_stride) {
  for (const char* name : {"deepseek.json", "gpt2.json"}) {
    const Tokenizer tokenizer = Tokenizer::load(fixture_path(name));
    for (const std::string& word :
         {random_letters(1 << 20), std::string(1 << 20, 'a'), std::string(1 << 20, ' '), std::string(1 << 20, '\n'),
          std::string(1 << 20, '7'), std::string(1 << 20, '\0')}) {
      const auto start = std::chrono::steady_clock::now();
      const Tokens tokens = tokenizer.encode(word, false);
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
      EXPECT_EQ(tokenizer.decode(tokens), word);
    }
  }
}

// The rule written down naively: the best pair of the whole word, again and again.
TEST(Encode, merges_long_and_short_words_by_one_rule) {
  const nlohmann::json json = nlohmann::json::parse(fixture_text("gpt2.json"));
  std::map<std::pair<std::string, std::string>, std::size_t> ranks;
  for (const nlohmann::json& merge : json["model"]["merges"])
    ranks.emplace(std::pair(merge[0], merge[1]), ranks.size());
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("gpt2.json"));
  for (std::size_t size = 1; size < 120; size += 7) {
    const std::string word = random_letters(size);
    std::vector<std::string> parts;
    for (const char c : word) parts.emplace_back(1, c);
    while (true) {
      std::size_t best = ranks.size(), at = 0;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = ranks.find({parts[i], parts[i + 1]});
        if (found != ranks.end() && found->second < best) best = found->second, at = i;
      }
      if (best == ranks.size()) break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    Tokens expected;
    for (const std::string& part : parts) expected.push_back(*tokenizer.find_token(part));
    EXPECT_EQ(tokenizer.encode(word, false), expected) << word;
  }
}

TEST(Encode, works_on_many_threads_at_once) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("deepseek.json"));
  const std::vector<nlohmann::json> rows = fixture_rows("texts.jsonl");
  std::vector<std::thread> threads;
  std::array<std::size_t, 4> right{};
  for (std::size_t thread = 0; thread < right.size(); ++thread)
    threads.emplace_back([&, thread] {
      for (const nlohmann::json& row : rows)
        right[thread] += tokenizer.encode(row[0].get_ref<const std::string&>(), false) == row[1].get<Tokens>();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(right, testing::Each(rows.size()));
}

// One thread's memory of words must not outlive the tokenizer that they belong to.
TEST(Encode, keeps_tokenizers_on_one_thread_apart) {
  for (int turn = 0; turn < 3; ++turn)
    for (const auto& [name, column] : {std::pair("deepseek.json", 1), std::pair("gpt2.json", 2)}) {
      const nlohmann::json row = fixture_rows("texts.jsonl").front();
      EXPECT_EQ(Tokenizer::load(fixture_path(name)).encode(row[0].get<std::string>(), false),
                row[column].get<Tokens>());
    }
}

// More words than a thread remembers.
TEST(Encode, forgets_words_without_mistake) {
  const Tokenizer tokenizer = Tokenizer::load(fixture_path("gpt2.json"));
  std::string text;
  for (int number = 0; number < 150000; ++number) text += " " + std::to_string(number % 100000);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false)), text);
}

}  // namespace
}  // namespace dsrun::test
