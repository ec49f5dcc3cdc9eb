#include "dsrun/export/tokenizer_files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/train/tokenizer_json.hpp"

namespace dsrun {
namespace {

Json name_of(const Tokenizer& tokenizer, std::optional<std::int32_t> token) {
  if (!token) return nullptr;
  return tokenizer.decode({&*token, 1});
}

// AutoTokenizer then reads tokenizer.json as it stands. Without the class it takes the one that belongs to the model's
// type, which puts a token before every text.
Json tokenizer_config(const HuggingFaceConfig& config, const Tokenizer& tokenizer) {
  const std::vector<std::int32_t> around = tokenizer.encode("", true);
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"add_bos_token", !around.empty() && around.front() == config.begin_token},
          {"add_eos_token", !around.empty() && around.back() == config.end_token},
          {"bos_token", name_of(tokenizer, config.begin_token)},
          {"eos_token", name_of(tokenizer, config.end_token)},
          {"pad_token", name_of(tokenizer, tokenizer.pad_token())},
          {"unk_token", nullptr},
          {"clean_up_tokenization_spaces", false},
          {"model_max_length", config.max_length}};
}

ExportFile json_file(const char* name, const Json& content) { return {name, content.dump(2) + "\n"}; }

}  // namespace

std::vector<ExportFile> tokenizer_files(const HuggingFaceConfig& config, const RunTokenizer* tokenizer) {
  if (tokenizer == nullptr && !config.model.byte_vocab) return {};
  const std::string text = tokenizer != nullptr ? tokenizer->text : byte_tokenizer_json();
  const Tokenizer used = tokenizer != nullptr ? tokenizer->tokenizer : Tokenizer::parse(text, "bytes");
  Json settings = tokenizer_config(config, used);
  if (tokenizer == nullptr || tokenizer->file_name == "tokenizer.json")
    return {{"tokenizer.json", text}, json_file("tokenizer_config.json", settings)};
  // tiktoken.model alone is nothing that AutoTokenizer reads.
  return {
      {tokenizer->file_name, text}, {"tokenizer.json", used.to_json()}, json_file("tokenizer_config.json", settings)};
}

std::vector<std::string> tokenizer_notes(const HuggingFaceConfig& config, const RunTokenizer* tokenizer) {
  std::vector<std::string> notes;
  if (tokenizer == nullptr && !config.model.byte_vocab) {
    notes.push_back("the run has no data.tokenizer: the export has no tokenizer's files (--tokenizer names one)");
  } else {
    notes.push_back(
        "llama.cpp's converter knows published vocabularies by a hash. If it does not know this one it stops and "
        "prints "
        "its chkhsh: add a line for that to get_vocab_base_pre(), with res = \"deepseek-v3\", or \"gpt-2\" where "
        "tokens are bytes or the pre-tokenizer is gpt2");
  }
  if (!config.end_token)
    notes.push_back(
        "no token ends a text, so that generation goes on to its limit, and llama.cpp takes token 11 for the end; "
        "a tokenizer with an end token helps (dsrun tokenizer train makes one)");
  return notes;
}

}  // namespace dsrun
