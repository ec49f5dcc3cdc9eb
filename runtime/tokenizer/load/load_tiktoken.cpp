// tiktoken.model, as Kimi ships it. The file has ranks and no merges: each token's merge is the pair that is left when
// the tokens before it have merged its bytes. A token that no merge makes is found only as a whole piece, as there.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/error.hpp"
#include "runtime/tokenizer/load/load.hpp"

namespace dsrun {
namespace {

// The file does not hold it: the Python class that reads it does.
constexpr std::string_view kimi_class = "TikTokenTokenizer";
constexpr std::string_view kimi_words =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?)"
    R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::optional<std::string> read_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  const std::size_t end = std::min(text.find('='), text.size());
  if (text.size() % 4 != 0 || text.size() - end > 2) return std::nullopt;
  for (const char c : text.substr(0, end)) {
    const std::size_t digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8));
  }
  return bytes;
}

class TiktokenLoader {
 public:
  explicit TiktokenLoader(TokenizerParts& parts) : parts_(parts) {}

  void load_tokens(std::string_view text) {
    for (int line = 1; !text.empty(); ++line) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view one = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (one.ends_with('\r')) one.remove_suffix(1);
      if (!one.empty()) add_token(one, line);
    }
    if (parts_.texts.empty()) fail("", "it holds no token");
    for (std::size_t id = 0; id < parts_.texts.size(); ++id)
      if (!parts_.texts[id].exists) fail("", fmt::format("no token has rank {}", id));
  }

  void recover_merges() {
    std::array<std::int32_t, 256> bytes{};
    for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
      const auto found = parts_.vocabulary.find(spell_bytes(std::string(1, static_cast<char>(byte))));
      bytes[byte] = found == parts_.vocabulary.end() ? Bpe::no_token : found->second;
    }
    parts_.bpe = Bpe(bytes, parts_.texts.size());
    BpeScratch scratch;
    std::vector<std::int32_t> pair;
    for (std::size_t id = 0; id < parts_.texts.size(); ++id) {
      pair.clear();
      parts_.bpe.encode(parts_.texts[id].bytes, scratch, pair);
      if (pair.size() != 2) continue;
      parts_.tiktoken_merges.push_back({pair[0], pair[1], static_cast<std::int32_t>(id)});
      parts_.bpe.add(parts_.tiktoken_merges.back());
    }
    parts_.ignore_merges = true;
  }

  void load_config(std::string_view text) {
    const nlohmann::json config = nlohmann::json::parse(text, nullptr, false);
    const JsonPlace root(config, "tokenizer_config.json", parts_.name);
    if (const auto name = root.find("tokenizer_class"); name && name->text() != kimi_class)
      name->fail(fmt::format("how this class splits a text is not known here: {} belongs here", kimi_class));
    const auto added = root.find("added_tokens_decoder");
    if (!added) return;
    for (const auto& [id, value] : added->value().items())
      add_special(id, JsonPlace(value, fmt::format("tokenizer_config.json.added_tokens_decoder.{}", id), parts_.name));
  }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& what) const {
    throw TokenizerError(parts_.name, place, what);
  }

  void add_token(std::string_view line, int number) {
    const std::size_t space = line.find(' ');
    const std::string place = fmt::format("line {}", number);
    const std::optional<std::string> bytes =
        space == std::string_view::npos ? std::nullopt : read_base64(line.substr(0, space));
    std::size_t rank = 0;
    const char* end = line.data() + line.size();
    if (!bytes || bytes->empty() || std::from_chars(line.data() + space + 1, end, rank).ptr != end)
      fail(place, "a token in base64, a space and its rank belong here");
    if (rank >= most_tokens) fail(place, fmt::format("rank {} is too high", rank));
    if (rank >= parts_.texts.size()) parts_.texts.resize(rank + 1);
    if (parts_.texts[rank].exists) fail(place, fmt::format("two tokens have rank {}", rank));
    if (!parts_.vocabulary.emplace(spell_bytes(*bytes), static_cast<std::int32_t>(rank)).second)
      fail(place, "this token has another rank already");
    parts_.texts[rank] = {*bytes, true, false};
  }

  void add_special(const std::string& number, const JsonPlace& place) {
    std::size_t id = 0;
    const char* end = number.data() + number.size();
    if (std::from_chars(number.data(), end, id).ptr != end || id >= most_tokens)
      place.fail("a token's id belongs here");
    if (id < parts_.texts.size() && parts_.texts[id].exists) place.fail("a token of the file has this id");
    AddedToken token{place.at("content").text(), static_cast<std::int32_t>(id), place.flag("special", true)};
    if (token.content.empty() || !parts_.added.emplace(token.content, token.id).second)
      place.at("content").fail("an added token is not empty, and there once");
    if (id >= parts_.texts.size()) parts_.texts.resize(id + 1);
    parts_.texts[id] = {token.content, true, token.special};
    parts_.before_normalizing.add(token, token.content);
  }

  static constexpr std::size_t most_tokens = 1 << 24;

  TokenizerParts& parts_;
};

}  // namespace

void load_tiktoken(std::string_view text, std::string_view config, TokenizerParts& parts) {
  TiktokenLoader loader(parts);
  loader.load_tokens(text);
  loader.recover_merges();
  parts.tiktoken_words = kimi_words;
  parts.pre_tokenizer = PreTokenizer({{read_oniguruma(kimi_words)}}, false);
  if (!config.empty()) loader.load_config(config);
}

}  // namespace dsrun
