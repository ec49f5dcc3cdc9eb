#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/load/load.hpp"

namespace dsrun {
namespace {

// Ids may have holes, but not so many that a few bytes of a file ask for gigabytes of tables.
constexpr std::size_t holes_allowed = 65536;

void load_vocabulary(const JsonPlace& place, TokenizerParts& parts) {
  const nlohmann::json& vocab = place.value();
  if (!vocab.is_object() || vocab.empty()) place.fail("an object of tokens and their ids belongs here");
  const std::size_t ids_allowed = 2 * vocab.size() + holes_allowed;
  for (const auto& [spelling, value] : vocab.items()) {
    const auto id = static_cast<std::size_t>(
        JsonPlace(value, "model.vocab", parts.name).token_id());  // the key may be long or unprintable
    if (id >= ids_allowed) place.fail(fmt::format("id {} is far beyond the {} tokens given", id, vocab.size()));
    if (id >= parts.texts.size()) parts.texts.resize(id + 1);
    if (parts.texts[id].exists) place.fail(fmt::format("two tokens have id {}", id));
    parts.texts[id] = {read_spelling(spelling).value_or(spelling), true, false};
    parts.vocabulary.emplace(spelling, static_cast<std::int32_t>(id));
  }
}

std::array<std::int32_t, 256> byte_tokens(const TokenizerParts& parts) {
  std::array<std::int32_t, 256> tokens{};
  for (std::size_t byte = 0; byte < tokens.size(); ++byte) {
    const auto found = parts.vocabulary.find(spell_bytes(std::string(1, static_cast<char>(byte))));
    tokens[byte] = found == parts.vocabulary.end() ? Bpe::no_token : found->second;
  }
  return tokens;
}

// "left right", or ["left", "right"].
std::pair<std::string, std::string> read_merge(const JsonPlace& place) {
  if (place.value().is_array()) {
    if (place.value().size() != 2) place.fail("a merge has two tokens");
    return {place.element(0).text(), place.element(1).text()};
  }
  const std::string& text = place.text();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    place.fail("a merge has two tokens, one space between them");
  return {text.substr(0, space), text.substr(space + 1)};
}

std::vector<BpeMerge> load_merges(const JsonPlace& list, const TokenizerParts& parts) {
  std::vector<BpeMerge> merges;
  for (const JsonPlace& place : list.elements()) {
    const auto [left, right] = read_merge(place);
    const auto id_of = [&, &at = place](const std::string& spelling) {
      const auto found = parts.vocabulary.find(spelling);
      if (found == parts.vocabulary.end()) at.fail("the vocabulary has not both tokens and what they become");
      return found->second;
    };
    merges.push_back({id_of(left), id_of(right), id_of(left + right)});
  }
  return merges;
}

}  // namespace

void load_model(const JsonPlace& model, TokenizerParts& parts) {
  if (const auto type = model.find("type"); type && type->text() != "BPE") type->fail("only BPE is supported");
  model.with_keys({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                   "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (const auto dropout = model.find("dropout"); dropout && dropout->value() != 0)
    dropout->fail("merges are not dropped here: null belongs here");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto place = model.find(key); place && !place->text().empty())
      place->fail("not supported with byte-level BPE: null belongs here");
  parts.ignore_merges = model.flag("ignore_merges", false);
  load_vocabulary(model.at("vocab"), parts);
  const std::array<std::int32_t, 256> bytes = byte_tokens(parts);
  // With a token for every byte nothing is unknown: these settings then change nothing.
  const bool complete = std::find(bytes.begin(), bytes.end(), Bpe::no_token) == bytes.end();
  if (const auto unknown = model.find("unk_token")) {
    unknown->text();
    if (!complete) unknown->fail("supported only where the vocabulary has a token for every byte");
  }
  model.flag("fuse_unk", false);
  if (model.flag("byte_fallback", false) && !complete)
    model.at("byte_fallback").fail("supported only where the vocabulary has a token for every byte");
  parts.bpe = Bpe(bytes, load_merges(model.at("merges"), parts));
}

}  // namespace dsrun
