#include "runtime/tokenizer/train/train.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/load/load.hpp"
#include "runtime/tokenizer/train/pair_counts.hpp"
#include "runtime/tokenizer/train/tokenizer_json.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

// The published files' pre-tokenizers. To offer another, add it here and to BpeTraining's comment.
Json pre_tokenizer_of(const std::string& name) {
  if (name == "gpt2") return byte_level_json(true);
  if (name != "deepseek-v3")
    throw TokenizerError("training", "",
                         fmt::format("no pre-tokenizer \"{}\": deepseek-v3 or gpt2 belongs here", name));
  const Json steps = {
      split_step_json(R"(\p{N}{1,3})"), split_step_json("[一-龥぀-ゟ゠-ヿ]+"),
      split_step_json(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
                      R"( ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
      byte_level_json(false)};
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

class GrowingVocabulary {
 public:
  // The token's id; a new one's is the next.
  std::int32_t id_of(const std::string& spelling) {
    const auto [at, added] = ids_.try_emplace(spelling, static_cast<std::int32_t>(spellings_.size()));
    if (added) spellings_.push_back(spelling);
    return at->second;
  }
  const std::string& spelling(std::int32_t id) const { return spellings_[static_cast<std::size_t>(id)]; }
  std::int32_t size() const { return static_cast<std::int32_t>(spellings_.size()); }

  Json json() const {
    Json object = Json::object();
    auto& entries = object.get_ref<Json::object_t&>();
    for (std::int32_t id = 0; id < size(); ++id) entries.emplace_back(spelling(id), id);
    return object;
  }

 private:
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<std::string> spellings_;
};

// Ids of the bytes, given in the order of the characters that stand for them.
std::array<std::int32_t, 256> add_bytes(GrowingVocabulary& vocabulary) {
  std::array<std::size_t, 256> order{};
  for (std::size_t byte = 0; byte < 256; ++byte) order[byte] = byte;
  std::sort(order.begin(), order.end(),
            [](std::size_t a, std::size_t b) { return byte_characters[a] < byte_characters[b]; });
  std::array<std::int32_t, 256> ids{};
  for (const std::size_t byte : order)
    ids[byte] = vocabulary.id_of(spell_bytes(std::string(1, static_cast<char>(byte))));
  return ids;
}

Json added_tokens(const BpeTraining& how, GrowingVocabulary& vocabulary) {
  Json list = Json::array();
  for (const std::string& token : how.special_tokens) list.push_back(added_token_json(vocabulary.id_of(token), token));
  return list;
}

}  // namespace

struct BpeTrainer::State {
  BpeTraining how;
  Json pre_tokenizer_json;
  TokenizerParts parts;  // its pre-tokenizer alone
  SplitScratch split;
  std::unordered_map<std::string, std::int64_t> words;
};

BpeTrainer::BpeTrainer(BpeTraining how) : state_(std::make_unique<State>()) {
  const auto least = static_cast<std::int64_t>(256 + how.special_tokens.size());
  if (how.vocab_size < least)
    throw TokenizerError(
        "training", "",
        fmt::format("a vocabulary of {} is too small: {} tokens are bytes and special", how.vocab_size, least));
  std::vector<std::string> specials = how.special_tokens;
  std::sort(specials.begin(), specials.end());
  const bool twice = std::adjacent_find(specials.begin(), specials.end()) != specials.end();
  for (const std::string& token : specials)
    if (twice || token.empty() || !is_utf8(token))
      throw TokenizerError("training", "", "special tokens are texts in UTF-8, none empty, none twice");
  state_->pre_tokenizer_json = pre_tokenizer_of(how.pre_tokenizer);
  const nlohmann::json json = state_->pre_tokenizer_json;
  load_pre_tokenizer(JsonPlace(json, "pre_tokenizer", how.pre_tokenizer), state_->parts);
  state_->how = std::move(how);
}

BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::add(std::string_view text) {
  const auto count = [this](std::string_view word) { ++state_->words[std::string(word)]; };
  for_each_run(
      text, [&](std::string_view good) { state_->parts.pre_tokenizer.split(good, state_->split, count); }, count);
}

TrainedVocabulary BpeTrainer::train() const {
  const BpeTraining& how = state_->how;
  GrowingVocabulary vocabulary;
  const Json added = added_tokens(how, vocabulary);
  const std::array<std::int32_t, 256> bytes = add_bytes(vocabulary);
  PairCounts pairs;
  for (const auto& [word, frequency] : state_->words) {
    std::vector<std::int32_t> tokens;
    for (const char byte : word) tokens.push_back(bytes[static_cast<unsigned char>(byte)]);
    pairs.add_word(std::move(tokens), frequency);
  }
  Json merges = Json::array();
  while (vocabulary.size() < how.vocab_size) {
    const std::optional<TokenPair> pair = pairs.most_frequent(how.min_frequency);
    if (!pair) break;
    const std::string left = vocabulary.spelling(pair->left), right = vocabulary.spelling(pair->right);
    merges.push_back({left, right});
    pairs.merge(*pair, vocabulary.id_of(left + right));
  }
  const Json tokenizer = tokenizer_json(added, state_->pre_tokenizer_json, vocabulary.json(), merges);
  return {tokenizer.dump() + "\n", vocabulary.size(), pairs.num_tokens()};
}

std::int64_t BpeTrainer::num_words() const { return static_cast<std::int64_t>(state_->words.size()); }

}  // namespace dsrun
