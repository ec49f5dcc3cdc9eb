// What a tokenizer.json may not say: each is an error that names its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/error.hpp"
#include "tests/tokenizer/fixtures.hpp"

namespace dsrun::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    Tokenizer::parse(text, "t.json");
    return "accepted";
  } catch (const TokenizerError& error) {
    return error.what();
  }
}

// A small tokenizer with `value` at `pointer`.
std::string refusal_with(const std::string& pointer, const json& value) {
  json tokenizer = {
      {"version", "1.0"},
      {"added_tokens", {{{"id", 3}, {"content", "<x>"}, {"special", true}}}},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Isolated"}, {"invert", false}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}}}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", {"a b"}}}}};
  tokenizer[json::json_pointer(pointer)] = value;
  return refusal(tokenizer.dump());
}

TEST(Load, refuses_what_is_not_supported_and_names_its_place) {
  const struct {
    const char* pointer;
    json value;
    const char* message;
  } cases[] = {
      {"/surprise", 1, "\"surprise\" is not known"},
      {"/version", "2.0", "version: only version 1.0"},
      {"/truncation", {{"max_length", 5}}, "truncation: texts are neither cut nor padded"},
      {"/padding", json::object(), "padding: texts are neither cut nor padded"},
      {"/normalizer", {{"type", "Lowercase"}}, "normalizer: only NFC"},
      {"/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "NFKC"}}}}}, "normalizer.normalizers[0]: only"},
      {"/decoder", {{"type", "WordPiece"}}, "decoder: only ByteLevel"},
      {"/decoder", nullptr, "\"decoder\" is missing"},
      {"/pre_tokenizer", {{"type", "Whitespace"}}, "pre_tokenizer: only Sequence, Split"},
      {"/pre_tokenizer", {{"type", "Digits"}}, "pre_tokenizer: ByteLevel is missing"},
      {"/pre_tokenizer/pretokenizers/1/odd", 1, "pre_tokenizer.pretokenizers[1]: \"odd\" is not known"},
      {"/pre_tokenizer/pretokenizers/2", {{"type", "Digits"}}, "pre_tokenizer.pretokenizers[2]: nothing can follow"},
      {"/pre_tokenizer/pretokenizers/0/behavior", "Sideways", "pretokenizers[0].behavior: Isolated, Removed"},
      {"/pre_tokenizer/pretokenizers/0/invert", "no", "pretokenizers[0].invert: true or false belongs here"},
      {"/pre_tokenizer/pretokenizers/0/pattern", {{"Regex", "(a"}}, "pretokenizers[0].pattern: missing closing paren"},
      {"/pre_tokenizer/pretokenizers/0/pattern", json::object(), "pattern: either \"Regex\" or \"String\""},
      {"/post_processor", {{"type", "BertProcessing"}}, "post_processor: only ByteLevel, TemplateProcessing"},
      {"/model/type", "WordPiece", "model.type: only BPE"},
      {"/model/dropout", 0.1, "model.dropout: merges are not dropped"},
      {"/model/unk_token", "a", "model.unk_token: supported only where"},
      {"/model/byte_fallback", true, "model.byte_fallback: supported only where"},
      {"/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix: not supported"},
      {"/model/vocab", json::array(), "model.vocab: an object"},
      {"/model/vocab/c", 1, "model.vocab: two tokens have id 1"},
      {"/model/vocab/c", -1, "model.vocab: a token's id belongs here"},
      {"/model/vocab/c", 1e300, "model.vocab: a token's id belongs here"},
      {"/model/vocab/c", 2000000000, "model.vocab: id 2000000000 is far beyond"},
      {"/model/merges/1", "a", "model.merges[1]: a merge has two tokens"},
      {"/model/merges/1", "a  b", "model.merges[1]: a merge has two tokens"},
      {"/model/merges/1", {"a", "b", "c"}, "model.merges[1]: a merge has two tokens"},
      {"/model/merges/1", "b a", "model.merges[1]: the vocabulary has not both"},
      {"/model/merges/1", 7, "model.merges[1]: a string belongs here"},
      {"/added_tokens/0/id", 9, "added_tokens[0].id: this token's place in the vocabulary is 3"},
      {"/added_tokens/0/content", "", "added_tokens[0].content: an added token is not empty"},
      {"/added_tokens/0/content", "ab", "added_tokens[0].id: this token's place in the vocabulary is 2"},
      {"/added_tokens/1", {{"id", 3}, {"content", "<x>"}}, "added_tokens[1].id"},
      {"/added_tokens/0/speical", true, "added_tokens[0]: \"speical\" is not known"},
  };
  EXPECT_EQ(refusal_with("/normalizer", nullptr), "accepted");
  for (const auto& each : cases) {
    const std::string message = refusal_with(each.pointer, each.value);
    EXPECT_THAT(message, HasSubstr("t.json: ")) << each.pointer;
    EXPECT_THAT(message, HasSubstr(each.message)) << each.pointer;
  }
}

TEST(Load, refuses_templates_that_it_cannot_apply) {
  const auto refused = [](const json& single) {
    return refusal_with("/post_processor", {{"type", "TemplateProcessing"},
                                            {"single", single},
                                            {"pair", json::array()},
                                            {"special_tokens",
                                             {{"<x>", {{"id", "<x>"}, {"ids", {3}}, {"tokens", {"<x>"}}}},
                                              {"<y>", {{"id", "<y>"}, {"ids", {4}}, {"tokens", {"<y>"}}}}}}});
  };
  const json a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, b = {{"Sequence", {{"id", "B"}, {"type_id", 0}}}};
  const json x = {{"SpecialToken", {{"id", "<x>"}, {"type_id", 0}}}};
  EXPECT_EQ(refused({x, a, x}), "accepted");
  EXPECT_THAT(refused(json::array({x})), HasSubstr("post_processor.single: the Sequence A is missing"));
  EXPECT_THAT(refused({a, a}), HasSubstr("post_processor.single[1].Sequence: a template for one text"));
  EXPECT_THAT(refused({a, b}), HasSubstr("post_processor.single[1].Sequence"));
  EXPECT_THAT(refused({a, {{"SpecialToken", {{"id", "<z>"}, {"type_id", 0}}}}}), HasSubstr("\"<z>\" is missing"));
  EXPECT_THAT(refused({a, {{"SpecialToken", {{"id", "<y>"}, {"type_id", 0}}}}}), HasSubstr("no token has this id"));
}

TEST(Load, refuses_what_is_no_json) {
  EXPECT_THAT(refusal(""), HasSubstr("malformed JSON"));
  EXPECT_THAT(refusal("{\"version\": \"\xff\"}"), HasSubstr("malformed JSON or UTF-8 at byte 14"));
  EXPECT_THAT(refusal("{\"version\": 1e99999}"), HasSubstr("a number that is too large"));
  EXPECT_THAT(refusal("[]"), HasSubstr("an object belongs here, not array"));
  const std::string whole = fixture_text("gpt2.json");
  for (std::size_t size = 0; size + 2 < whole.size(); size += 997)
    EXPECT_THAT(refusal(whole.substr(0, size)), HasSubstr("malformed JSON"));
}

TEST(Load, refuses_nesting_without_end) {
  json sequence = {{"type", "ByteLevel"}};
  for (int depth = 0; depth < 200; ++depth)
    sequence = {{"type", "Sequence"}, {"pretokenizers", json::array({std::move(sequence)})}};
  EXPECT_THAT(refusal_with("/pre_tokenizer", sequence), HasSubstr("nested too deep"));
}

TEST(Load, names_files_that_cannot_be_read) {
  for (const char* path : {"/no/such/tokenizer.json", "/"}) {
    try {
      Tokenizer::load(path);
      ADD_FAILURE() << path;
    } catch (const TokenizerError& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(path));
    }
  }
}

TEST(Load, tells_files_apart_by_hash) {
  EXPECT_NE(Tokenizer::load(fixture_path("deepseek.json")).hash(), Tokenizer::load(fixture_path("gpt2.json")).hash());
  EXPECT_EQ(Tokenizer::load(fixture_path("gpt2.json")).hash(), Tokenizer::load(fixture_path("gpt2.json")).hash());
}

}  // namespace
}  // namespace dsrun::test
