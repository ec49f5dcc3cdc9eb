#include "runtime/tokenizer/load/load.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "runtime/state/checkpoint/files.hpp"
#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

void load_normalizer_at(const JsonPlace& normalizer, TokenizerParts& parts, int depth) {
  const std::string& type = normalizer.at("type").text();
  if (type == "NFC") {
    normalizer.with_keys({"type"});
    parts.nfc = true;
  } else if (type == "Sequence") {
    if (depth == deepest_sequence) normalizer.fail("Sequences are nested too deep");
    normalizer.with_keys({"type", "normalizers"});
    for (const JsonPlace& each : normalizer.at("normalizers").elements()) load_normalizer_at(each, parts, depth + 1);
  } else {
    normalizer.fail("only NFC and a Sequence are supported as normalizers");
  }
}

// A text's place among the special tokens of a template.
void load_template(const JsonPlace& processor, TokenizerParts& parts) {
  processor.with_keys({"type", "single", "pair", "special_tokens"});
  const JsonPlace special = processor.at("special_tokens");
  std::vector<std::int32_t> before, after;
  bool text_seen = false;
  for (const JsonPlace& piece : processor.at("single").elements()) {
    piece.with_keys({"SpecialToken", "Sequence"});
    if (const auto token = piece.find("SpecialToken")) {
      token->with_keys({"id", "type_id"});
      const JsonPlace ids = special.at(token->at("id").text()).with_keys({"id", "ids", "tokens"}).at("ids");
      for (const JsonPlace& id : ids.elements()) {
        const std::int32_t number = id.token_id();
        if (static_cast<std::size_t>(number) >= parts.texts.size()) id.fail("no token has this id");
        (text_seen ? after : before).push_back(number);
      }
    } else {
      const JsonPlace sequence = piece.at("Sequence");
      if (sequence.with_keys({"id", "type_id"}).at("id").text() != "A" || text_seen)
        sequence.fail("a template for one text has the Sequence A once");
      text_seen = true;
    }
  }
  if (!text_seen) processor.at("single").fail("the Sequence A is missing");
  parts.prefix.insert(parts.prefix.begin(), before.begin(), before.end());
  parts.suffix.insert(parts.suffix.end(), after.begin(), after.end());
}

void load_post_processor_at(const JsonPlace& processor, TokenizerParts& parts, int depth) {
  const std::string& type = processor.at("type").text();
  if (type == "ByteLevel") {  // changes offsets, which are not kept here
    processor.with_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  } else if (type == "TemplateProcessing") {
    load_template(processor, parts);
  } else if (type == "Sequence") {
    if (depth == deepest_sequence) processor.fail("Sequences are nested too deep");
    processor.with_keys({"type", "processors"});
    for (const JsonPlace& each : processor.at("processors").elements()) load_post_processor_at(each, parts, depth + 1);
  } else {
    processor.fail("only ByteLevel, TemplateProcessing and a Sequence are supported as post-processors");
  }
}

AddedToken read_added_token(const JsonPlace& place) {
  place.with_keys({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  return {place.at("content").text(),       place.at("id").token_id(),   place.flag("special", false),
          place.flag("single_word", false), place.flag("lstrip", false), place.flag("rstrip", false),
          place.flag("normalized", false)};
}

void parse_into(TokenizerParts& parts, std::string_view text) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    throw TokenizerError(parts.name, "", fmt::format("malformed JSON or UTF-8 at byte {}", error.byte));
  } catch (const nlohmann::json::out_of_range&) {
    throw TokenizerError(parts.name, "", "malformed JSON: a number that is too large");
  }
  const JsonPlace root(json, "", parts.name);
  root.with_keys({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
                  "decoder", "model"});
  if (const JsonPlace version = root.at("version"); version.text() != "1.0")
    version.fail("only version 1.0 is supported");
  for (const char* key : {"truncation", "padding"})
    if (const auto place = root.find(key)) place->fail("texts are neither cut nor padded here: null belongs here");
  load_model(root.at("model"), parts);
  if (const auto normalizer = root.find("normalizer")) load_normalizer(*normalizer, parts);
  if (const auto added = root.find("added_tokens")) load_added_tokens(*added, parts);
  load_pre_tokenizer(root.at("pre_tokenizer"), parts);
  if (const auto processor = root.find("post_processor")) load_post_processor(*processor, parts);
  load_decoder(root.at("decoder"));
}

}  // namespace

void load_normalizer(const JsonPlace& normalizer, TokenizerParts& parts) { load_normalizer_at(normalizer, parts, 0); }

// The reference numbers a token that the model has not by itself: after the model's, in their order. A file that says
// otherwise would mean one thing here and another there.
void load_added_tokens(const JsonPlace& added_tokens, TokenizerParts& parts) {
  auto next = static_cast<std::int64_t>(parts.vocabulary.size());
  for (const JsonPlace& place : added_tokens.elements()) {
    const AddedToken token = read_added_token(place);
    if (token.content.empty()) place.at("content").fail("an added token is not empty");
    const auto in_model = parts.vocabulary.find(token.content);
    const std::int64_t due = in_model == parts.vocabulary.end() ? next++ : in_model->second;
    if (token.id != due) place.at("id").fail(fmt::format("this token's place in the vocabulary is {}", due));
    if (!parts.added.emplace(token.content, token.id).second) place.at("content").fail("this token has been added");
    const auto at = static_cast<std::size_t>(token.id);
    if (in_model == parts.vocabulary.end()) {
      if (at < parts.texts.size() && parts.texts[at].exists) place.at("id").fail("a token of the model has this id");
      if (at >= parts.texts.size()) parts.texts.resize(at + 1);
      parts.texts[at] = {read_spelling(token.content).value_or(token.content), true, false};
    }
    parts.texts[at].special = token.special;
    if (token.normalized) {
      parts.after_normalizing.add(token, parts.nfc ? to_nfc(token.content) : token.content);
    } else {
      parts.before_normalizing.add(token, token.content);
    }
  }
}

void load_post_processor(const JsonPlace& post_processor, TokenizerParts& parts) {
  load_post_processor_at(post_processor, parts, 0);
}

void load_decoder(const JsonPlace& decoder) {
  if (decoder.at("type").text() != "ByteLevel") decoder.fail("only ByteLevel is supported as decoder");
  decoder.with_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
}

namespace {

std::shared_ptr<TokenizerParts> new_parts(const std::string& name, std::uint64_t hash) {
  static std::atomic<std::uint64_t> serial{0};
  auto parts = std::make_shared<TokenizerParts>();
  parts->name = name;
  parts->hash = hash;
  parts->serial = ++serial;
  return parts;
}

std::optional<std::string> read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return std::nullopt;
  return text.str();
}

}  // namespace

Tokenizer Tokenizer::parse(std::string_view json, const std::string& name) {
  auto parts = new_parts(name, hash_bytes(json.data(), json.size()));
  parse_into(*parts, json);
  return Tokenizer(std::move(parts));
}

Tokenizer Tokenizer::parse_tiktoken(std::string_view text, std::string_view config, const std::string& name) {
  const std::string both = fmt::format("{}\n{}", text, config);
  auto parts = new_parts(name, hash_bytes(both.data(), both.size()));
  load_tiktoken(text, config, *parts);
  return Tokenizer(std::move(parts));
}

Tokenizer Tokenizer::load(const std::string& path) {
  const std::optional<std::string> text = read_all(path);
  if (!text) throw TokenizerError(path, "", "it cannot be read, or is empty");
  if (!path.ends_with(".model") && !path.ends_with(".tiktoken")) return parse(*text, path);
  const auto beside = std::filesystem::path(path).replace_filename("tokenizer_config.json");
  return parse_tiktoken(*text, read_all(beside.string()).value_or(""), path);
}

}  // namespace dsrun
