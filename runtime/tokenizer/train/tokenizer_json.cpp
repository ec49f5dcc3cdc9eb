#include "runtime/tokenizer/train/tokenizer_json.hpp"

#include <fmt/format.h>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/tokenizer_parts.hpp"

namespace dsrun {

Json split_step_json(std::string_view regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json byte_level_json(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json added_token_json(std::int32_t id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

Json tokenizer_json(const Json& added, const Json& pre_tokenizer, const Json& vocab, const Json& merges) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", pre_tokenizer},
          {"post_processor", nullptr},
          {"decoder", byte_level_json(true)},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

std::string byte_tokenizer_json() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) vocab[spell_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  return tokenizer_json(Json::array(), byte_level_json(false), vocab, Json::array()).dump() + "\n";
}

// The library numbers added tokens one after the other: ids that no token has get a name, as Kimi's own class gives it.
std::string Tokenizer::to_json() const {
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  const auto spelled = [this](std::int32_t id) {
    return spell_bytes(parts_->texts[static_cast<std::size_t>(id)].bytes);
  };
  const auto num_plain = static_cast<std::int32_t>(parts_->vocabulary.size());
  auto& entries = vocab.get_ref<Json::object_t&>();
  for (std::int32_t id = 0; id < num_plain; ++id) entries.emplace_back(spelled(id), id);
  for (std::int32_t id = num_plain; id < vocab_size(); ++id) {
    const TokenText& text = parts_->texts[static_cast<std::size_t>(id)];
    added.push_back(text.exists ? added_token_json(id, text.bytes, text.special)
                                : added_token_json(id, fmt::format("<|reserved_token_{}|>", id)));
  }
  for (const BpeMerge& merge : parts_->tiktoken_merges) merges.push_back({spelled(merge.left), spelled(merge.right)});
  const Json steps = Json::array({split_step_json(parts_->tiktoken_words), byte_level_json(false)});
  Json all = tokenizer_json(added, {{"type", "Sequence"}, {"pretokenizers", steps}}, vocab, merges);
  all["model"]["ignore_merges"] = true;
  return all.dump() + "\n";
}

}  // namespace dsrun
