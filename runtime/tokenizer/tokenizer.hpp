// Tokenizer: text to tokens and back, as a Hugging Face tokenizer.json says: byte-level BPE, the kind that GPT-2 and
// DeepSeek-V3 ship. Gives what the `tokenizers` library gives (tests/fixtures/make_tokenizer.py compares); what that
// library knows and this one does not is refused when the file is loaded (load.cpp), never ignored.
//
// Text should be UTF-8. Bytes that are not are kept: each run of them is a piece of its own.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dsrun {

struct TokenizerParts;  // what load.cpp makes of a file

// What encoding writes to: buffers, and a memory of words. One a thread; kept from text to text, it makes encoding
// fast.
class TokenizerScratch {
 public:
  TokenizerScratch();
  ~TokenizerScratch();
  TokenizerScratch(TokenizerScratch&&) noexcept;
  TokenizerScratch& operator=(TokenizerScratch&&) noexcept;

 private:
  friend class Tokenizer;
  struct State;
  std::unique_ptr<State> state_;
};

class Tokenizer {
 public:
  // All throw TokenizerError. `name` stands in messages. load() takes a tokenizer.json, or a tiktoken.model with the
  // tokenizer_config.json that lies beside it.
  static Tokenizer load(const std::string& path);
  static Tokenizer parse(std::string_view json, const std::string& name);
  static Tokenizer parse_tiktoken(std::string_view text, std::string_view config, const std::string& name);

  // Thread-safe, also on one object. `add_special`: with what the file's post-processor adds, such as a token at the
  // begin. The first keeps a scratch per thread. Throws TokenizerError if a regex needs too many steps.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const;
  void encode(std::string_view text, bool add_special, TokenizerScratch& scratch,
              std::vector<std::int32_t>& tokens) const;  // appends

  // Ids that no token has are left out. `decode` is UTF-8: U+FFFD replaces what is malformed.
  std::string decode(std::span<const std::int32_t> tokens, bool skip_special = false) const;
  std::string decode_bytes(std::span<const std::int32_t> tokens, bool skip_special = false) const;

  std::int32_t vocab_size() const;  // the largest id and one
  // The token that ends a text, by the names that published models give it; nullopt: none of them is there.
  std::optional<std::int32_t> end_token() const;
  std::optional<std::int32_t> begin_token() const;  // likewise
  std::optional<std::int32_t> pad_token() const;
  // By the token's name in the file: "Ġthe" for " the", added tokens as they are.
  std::optional<std::int32_t> find_token(std::string_view name) const;
  const std::string& name() const;  // for messages
  std::string to_json() const;      // of one that was read from a tiktoken.model, as a tokenizer.json
  std::uint64_t hash() const;       // XXH3 of the file: tells which tokenizer made a token file

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts);
  std::optional<std::int32_t> find_first(std::initializer_list<const char*> names) const;
  std::shared_ptr<const TokenizerParts> parts_;
};

}  // namespace dsrun
