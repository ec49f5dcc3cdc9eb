// What a tokenizer.json says, ready for use. Within runtime/tokenizer only.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/tokenizer/added_tokens.hpp"
#include "runtime/tokenizer/bpe.hpp"
#include "runtime/tokenizer/pre_tokenizer.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

struct TokenText {
  std::string bytes;  // what decoding gives
  bool exists = false;
  bool special = false;
};

struct TokenizerParts {
  std::string name;  // of the file
  std::uint64_t hash = 0;
  std::uint64_t serial = 0;  // of this object in this process: a scratch remembers whose words it holds

  AddedTokenFinder before_normalizing, after_normalizing;
  bool nfc = false;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  bool ignore_merges = false;                // a piece that is a token is that token, whatever the merges
  std::vector<std::int32_t> prefix, suffix;  // of add_special

  std::vector<BpeMerge> tiktoken_merges;  // of a tiktoken.model: what a tokenizer.json would say
  std::string tiktoken_words;

  std::unordered_map<std::string, std::int32_t> vocabulary;  // of the model, by spelling
  std::unordered_map<std::string, std::int32_t> added;
  std::vector<TokenText> texts;  // by id
};

}  // namespace dsrun
