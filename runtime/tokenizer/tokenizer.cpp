#include "runtime/tokenizer/tokenizer.hpp"

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/tokenizer_parts.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"
#include "runtime/tokenizer/word_cache.hpp"

namespace dsrun {

struct TokenizerScratch::State {
  SplitScratch split;
  BpeScratch bpe;
  WordCache words;
  std::uint64_t serial = 0;  // of the tokenizer whose words these are
};

TokenizerScratch::TokenizerScratch() : state_(std::make_unique<State>()) {}
TokenizerScratch::~TokenizerScratch() = default;
TokenizerScratch::TokenizerScratch(TokenizerScratch&&) noexcept = default;
TokenizerScratch& TokenizerScratch::operator=(TokenizerScratch&&) noexcept = default;

namespace {

// One call of encode().
class Encoding {
 public:
  Encoding(const TokenizerParts& parts, SplitScratch& split, BpeScratch& bpe, WordCache& words,
           std::vector<std::int32_t>& tokens)
      : parts_(parts), split_(split), bpe_(bpe), words_(words), tokens_(tokens) {}

  void add_text(std::string_view text) {
    parts_.before_normalizing.split(text, [&](std::int32_t token, std::string_view part) {
      if (token != AddedTokenFinder::no_token) {
        tokens_.push_back(token);
      } else {
        add_runs(part);
      }
    });
  }

 private:
  // Well-formed runs go on; what is malformed between them is a piece.
  void add_runs(std::string_view text) {
    for_each_run(
        text, [this](std::string_view good) { add_normalized(good); },
        [this](std::string_view bad) { add_piece(bad); });
  }

  void add_normalized(std::string_view text) {
    if (!parts_.nfc) return add_plain(text);
    add_plain(to_nfc(text));
  }

  void add_plain(std::string_view text) {
    const PreTokenizer::Sink sink = [this](std::string_view piece) { add_piece(piece); };
    parts_.after_normalizing.split(text, [&](std::int32_t token, std::string_view part) {
      if (token != AddedTokenFinder::no_token) {
        tokens_.push_back(token);
      } else {
        parts_.pre_tokenizer.split(part, split_, sink);
      }
    });
  }

  void add_piece(std::string_view piece) {
    if (piece.size() > WordCache::longest_word) return merge(piece);
    if (const auto known = words_.find(piece)) {
      tokens_.insert(tokens_.end(), known->begin(), known->end());
      return;
    }
    const std::size_t first = tokens_.size();
    merge(piece);
    words_.add(piece, std::span(tokens_).subspan(first));
  }

  void merge(std::string_view piece) {
    if (parts_.ignore_merges) {
      const auto whole = parts_.vocabulary.find(spell_bytes(piece));
      if (whole != parts_.vocabulary.end()) return tokens_.push_back(whole->second);
    }
    parts_.bpe.encode(piece, bpe_, tokens_);
  }

  const TokenizerParts& parts_;
  SplitScratch& split_;
  BpeScratch& bpe_;
  WordCache& words_;
  std::vector<std::int32_t>& tokens_;
};

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}

void Tokenizer::encode(std::string_view text, bool add_special, TokenizerScratch& scratch,
                       std::vector<std::int32_t>& tokens) const {
  TokenizerScratch::State& state = *scratch.state_;
  if (state.serial != parts_->serial) state.words.clear();
  state.serial = parts_->serial;
  if (add_special) tokens.insert(tokens.end(), parts_->prefix.begin(), parts_->prefix.end());
  try {
    Encoding(*parts_, state.split, state.bpe, state.words, tokens).add_text(text);
  } catch (const std::runtime_error& error) {
    throw TokenizerError(parts_->name, "", error.what());
  }
  if (add_special) tokens.insert(tokens.end(), parts_->suffix.begin(), parts_->suffix.end());
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
  thread_local TokenizerScratch scratch;
  std::vector<std::int32_t> tokens;
  encode(text, add_special, scratch, tokens);
  return tokens;
}

std::string Tokenizer::decode_bytes(std::span<const std::int32_t> tokens, bool skip_special) const {
  std::string bytes;
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocab_size()) continue;
    const TokenText& text = parts_->texts[static_cast<std::size_t>(token)];
    if (!skip_special || !text.special) bytes += text.bytes;
  }
  return bytes;
}

std::string Tokenizer::decode(std::span<const std::int32_t> tokens, bool skip_special) const {
  return replace_malformed(decode_bytes(tokens, skip_special));
}

std::int32_t Tokenizer::vocab_size() const { return static_cast<std::int32_t>(parts_->texts.size()); }

std::optional<std::int32_t> Tokenizer::find_token(std::string_view name) const {
  for (const auto* table : {&parts_->added, &parts_->vocabulary})
    if (const auto found = table->find(std::string(name)); found != table->end()) return found->second;
  return std::nullopt;
}

std::optional<std::int32_t> Tokenizer::find_first(std::initializer_list<const char*> names) const {
  for (const char* each : names)
    if (const auto token = find_token(each)) return token;
  return std::nullopt;
}

std::optional<std::int32_t> Tokenizer::end_token() const {
  return find_first({"<｜end▁of▁sentence｜>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]"});
}

std::optional<std::int32_t> Tokenizer::begin_token() const {
  return find_first({"<｜begin▁of▁sentence｜>", "<|begin_of_text|>", "<s>", "<bos>", "[BOS]"});
}

std::optional<std::int32_t> Tokenizer::pad_token() const {
  return find_first({"<｜▁pad▁｜>", "<|pad|>", "<pad>", "[PAD]"});
}

const std::string& Tokenizer::name() const { return parts_->name; }

std::uint64_t Tokenizer::hash() const { return parts_->hash; }

}  // namespace dsrun
