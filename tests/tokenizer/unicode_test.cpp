// Every character of Unicode against what the `tokenizers` library makes of it: hashes by block, of
// tests/fixtures/make_unicode.py, which builds the same vocabulary and the same texts.
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/unicode/properties.hpp"
#include "runtime/tokenizer/unicode/unicode.hpp"
#include "tests/tokenizer/fixtures.hpp"

namespace dsrun::test {
namespace {

using nlohmann::json;

const json& fixture() {
  static const json parsed = json::parse(fixture_text("unicode.json"));
  return parsed;
}

std::string utf8(std::uint32_t c) {
  std::string text;
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return put(c), text;
  if (c < 0x800) return put(0xc0 | c >> 6), put(0x80 | (c & 0x3f)), text;
  if (c < 0x10000) return put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f)), text;
  put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  return text;
}

class Fnv {
 public:
  void add(std::uint32_t number) { value_ = (value_ ^ number) * 0x100000001b3u; }
  std::string text() const { return fmt::format("{:016x}", value_); }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

// Each byte a token; and merges of the bytes at which characters of the contexts touch, so that each cut shows.
json probe_model() {
  std::string left = "a 1'\n", right, after = "b 2\n";
  for (int byte = 0x21; byte < 0x7f; ++byte) left += static_cast<char>(byte), right += static_cast<char>(byte);
  for (int byte = 0x80; byte < 0xc0; ++byte) left += static_cast<char>(byte);
  for (int byte = 0xc2; byte < 0xf5; ++byte) right += static_cast<char>(byte);
  right += after;
  json vocab = json::object(), merges = json::array();
  const auto spelled = [](char byte) { return spell_bytes(std::string(1, byte)); };
  for (int byte = 0; byte < 256; ++byte) vocab[spelled(static_cast<char>(byte))] = byte;
  for (const char a : left)
    for (const char b : right) {
      const std::string both = spelled(a) + spelled(b);
      merges.push_back({spelled(a), spelled(b)});
      if (!vocab.contains(both)) vocab[both] = vocab.size();
    }
  return {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}};
}

template <class OnCharacter>
std::string block_text(const json& first, const OnCharacter& on_character) {
  std::string text;
  const auto begin = first.get<std::uint32_t>();
  for (std::uint32_t c = begin; c < begin + fixture()["block"].get<std::uint32_t>(); ++c)
    if (c < 0xd800 || c > 0xdfff) text += on_character(utf8(c));
  return text;
}

std::string in_context(const json& first) {
  return block_text(first, [](const std::string& c) { return fmt::format("a{0}b {0}{0}1{0}2'{0}\n", c); });
}

TEST(Unicode, splits_around_every_character_as_the_library_does) {
  const json model = probe_model();
  ASSERT_EQ(fixture()["pre_tokenizers"].size(), 4u);
  for (const auto& [name, steps] : fixture()["pre_tokenizers"].items()) {
    const json file = {
        {"version", "1.0"}, {"pre_tokenizer", steps}, {"decoder", {{"type", "ByteLevel"}}}, {"model", model}};
    const Tokenizer tokenizer = Tokenizer::parse(file.dump(), name);
    for (std::size_t block = 0; block < fixture()["blocks"].size(); ++block) {
      const json& first = fixture()["blocks"][block];
      Fnv hash;
      for (const std::int32_t token : tokenizer.encode(in_context(first), false))
        hash.add(static_cast<std::uint32_t>(token));
      EXPECT_EQ(hash.text(), fixture()["hashes"][name][block].get<std::string>())
          << name << fmt::format(", characters from U+{:04X}", first.get<int>());
    }
  }
}

TEST(Unicode, composes_every_character_as_the_library_does) {
  for (std::size_t block = 0; block < fixture()["blocks"].size(); ++block) {
    const json& first = fixture()["blocks"][block];
    const std::string text = block_text(first, [](const std::string& c) {
      return fmt::format("一{0}\u0323{0}\u0301\u0334{0}a\u0301{0}\u0345{0}\u05b0", c);
    });
    Fnv hash;
    for (const char byte : to_nfc(text)) hash.add(static_cast<unsigned char>(byte));
    EXPECT_EQ(hash.text(), fixture()["hashes"]["NFC"][block].get<std::string>())
        << fmt::format("characters from U+{:04X}", first.get<int>());
  }
}

TEST(Unicode, composes_hangul_and_leaves_newer_marks_where_they_are) {
  EXPECT_EQ(to_nfc("\u1100\u1161\u11a8"), "\uac01");
  EXPECT_EQ(to_nfc("\uac00\u11a7"), "\uac00\u11a7");
  EXPECT_EQ(to_nfc("e\u0301\u0323"), "\u1eb9\u0301");
  EXPECT_EQ(to_nfc("a\u0c3c\u0301\u0334"), "a\u0c3c\u0334\u0301");  // U+0C3C is of Unicode 14
}

TEST(Unicode, has_the_properties_that_the_library_has) {
  ASSERT_GE(fixture()["properties"].size(), 350u);
  for (const auto& [name, expected] : fixture()["properties"].items()) {
    const std::optional<CharacterSet> found = find_property(name);
    ASSERT_TRUE(found) << name;
    // Surrogates are in no text. In the fixture they go with what lies around them.
    const CharacterSet surrogates{{0xd800, 0xdfff}};
    const bool around = found->contains(0xd7ff) && found->contains(0xe000);
    const CharacterSet set = around ? *found | surrogates : *found & ~surrogates;
    Fnv hash;
    for (const CharacterRange& range : set.ranges()) {
      hash.add(range.first);
      hash.add(range.last);
    }
    EXPECT_EQ(hash.text(), expected.get<std::string>()) << name;
  }
  EXPECT_EQ(find_property("uppercase letter"), find_property("Lu"));
  EXPECT_EQ(find_property("no such"), std::nullopt);
}

TEST(Unicode, says_which_version_it_is) { EXPECT_EQ(unicode_version, fixture()["unicode"].get<std::string>()); }

TEST(Unicode, letters_of_version_16_are_letters) {
  const CharacterSet letters = *find_property("L");
  for (const std::uint32_t c : {0x4e2du, 0x31350u, 0x2ebf0u, 0x1c89u, 0x10d4au, 0x16ea0u})
    EXPECT_EQ(letters.contains(c), c != 0x16ea0u) << c;
  EXPECT_TRUE(touches_word(0x200d));
  EXPECT_TRUE(touches_word(0x1c89));
  EXPECT_FALSE(touches_word('-'));
}

TEST(CharacterSet, unites_cuts_and_turns_around) {
  const CharacterSet set{{'d', 'f'}, {'a', 'b'}, {'c', 'c'}};
  EXPECT_EQ(set, (CharacterSet{{'a', 'f'}}));
  EXPECT_EQ(set & ~CharacterSet({{'b', 'c'}}), (CharacterSet{{'a', 'a'}, {'d', 'f'}}));
  EXPECT_EQ(~~set, set);
  EXPECT_EQ(~CharacterSet{}, (CharacterSet{{0, last_character}}));
  EXPECT_TRUE((set & CharacterSet{{'x', 'z'}}).empty());
  for (const char c : std::string("abf")) EXPECT_TRUE(set.contains(static_cast<std::uint32_t>(c)));
  for (const char c : std::string("`g ")) EXPECT_FALSE(set.contains(static_cast<std::uint32_t>(c)));
}

}  // namespace
}  // namespace dsrun::test
