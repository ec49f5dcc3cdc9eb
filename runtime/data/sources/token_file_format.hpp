// The head of a token file, byte for byte.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dsrun {

struct TokenFileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t token_bytes;  // 2 or 4
  std::uint64_t vocab_size;
  std::uint64_t num_tokens;
  std::uint64_t num_documents;
  std::uint64_t text_bytes;      // that the tokens stand for
  std::int64_t end_token;        // of every document; −1: none
  std::uint64_t tokenizer_hash;  // XXH3 of its tokenizer.json
  std::uint64_t index_hash;      // XXH3 of the index
  std::uint64_t header_hash;     // XXH3 of all before it
};
static_assert(sizeof(TokenFileHeader) == 80);

inline constexpr char token_file_magic[8] = {'d', 's', 'r', 'u', 'n', 't', 'o', 'k'};
inline constexpr std::uint32_t token_file_version = 1;
inline constexpr std::uint64_t largest_narrow_vocab = 65536;
inline constexpr std::size_t hashed_header_bytes = offsetof(TokenFileHeader, header_hash);

}  // namespace dsrun
