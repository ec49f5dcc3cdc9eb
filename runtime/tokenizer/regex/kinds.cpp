#include "runtime/tokenizer/regex/kinds.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>

#include "runtime/tokenizer/unicode/unicode.hpp"

namespace dsrun {
namespace {

constexpr std::uint32_t num_ascii = 128;
constexpr std::size_t most_sets = 1024;  // files of unknown origin may have any number

std::vector<const CharacterSet*> sets_of(const std::vector<const Pattern*>& patterns) {
  std::vector<const CharacterSet*> sets;
  for (const Pattern* pattern : patterns)
    for (const Pattern::Part& part : pattern->parts) {
      const auto* set = std::get_if<CharacterSet>(&part);
      if (set == nullptr || std::any_of(sets.begin(), sets.end(), [&](const auto* each) { return *each == *set; }))
        continue;
      if (sets.size() == most_sets) throw std::invalid_argument("more than 1024 different sets of characters");
      sets.push_back(set);
    }
  return sets;
}

// Where some set begins or ends, outside of ASCII.
std::set<std::uint32_t> borders_of(const std::vector<const CharacterSet*>& sets) {
  std::set<std::uint32_t> borders = {num_ascii, last_character + 1};
  for (const CharacterSet* set : sets)
    for (const CharacterRange& range : set->ranges()) {
      if (range.first > num_ascii) borders.insert(range.first);
      if (range.last >= num_ascii) borders.insert(range.last + 1);
    }
  return borders;
}

// A bit for each of 8 bytes of a well-formed text that begins a character: bit 8·i for byte i.
std::uint64_t begins_in_8_bytes(const char* text) {
  std::uint64_t word;
  std::memcpy(&word, text, 8);
  return (~(word >> 7) | word >> 6) & 0x0101010101010101u;
}

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

// Where character number `count` of a well-formed text begins, or the text's end.
std::size_t begin_of(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t begins = begins_in_8_bytes(text.data() + at);
    const auto here = static_cast<std::size_t>(std::popcount(begins));
    if (here > count) {
      for (; count > 0; --count) begins &= begins - 1;
      return at + static_cast<std::size_t>(std::countr_zero(begins)) / 8;
    }
    count -= here;
  }
  for (; at < text.size(); ++at)
    if (begins_character(text[at]) && count-- == 0) break;
  return at;
}

}  // namespace

KindTable::KindTable(const std::vector<const Pattern*>& patterns) : table_(last_character + 1) {
  for (std::uint32_t c = 0; c < num_ascii; ++c) table_[c] = static_cast<std::uint8_t>(c);
  const std::vector<const CharacterSet*> sets = sets_of(patterns);
  const std::set<std::uint32_t> borders = borders_of(sets);
  std::map<std::vector<bool>, std::uint8_t> kinds;
  for (auto border = borders.begin(); std::next(border) != borders.end(); ++border) {
    std::vector<bool> members;
    for (const CharacterSet* set : sets) members.push_back(set->contains(*border));
    const auto next = static_cast<std::uint8_t>(num_ascii + kinds.size());
    const auto [kind, added] = kinds.try_emplace(std::move(members), next);
    if (added) examples_.push_back(*border);
    if (kinds.size() > 256 - num_ascii) throw std::invalid_argument("more than 128 kinds of characters are told apart");
    std::fill(table_.begin() + *border, table_.begin() + *std::next(border), kind->second);
  }
}

std::bitset<256> KindTable::kinds_of(const CharacterSet& set) const {
  std::bitset<256> kinds;
  for (std::uint32_t c = 0; c < num_ascii; ++c) kinds[c] = set.contains(c);
  // Kinds that no character has go with the last one, so that classes have few ranges.
  for (std::size_t kind = num_ascii; kind < kinds.size(); ++kind)
    kinds[kind] = set.contains(examples_[std::min(kind - num_ascii, examples_.size() - 1)]);
  return kinds;
}

void KindTable::append(std::string_view text, std::string& kinds) const {
  const std::size_t before = kinds.size();
  kinds.resize(before + text.size());  // as many at most
  char* out = kinds.data() + before;
  const char* const end = text.data() + text.size();
  const auto rest = [](char byte) { return static_cast<std::uint32_t>(byte) & 0x3f; };
  for (const char* in = text.data(); in != end;) {
    const auto lead = static_cast<unsigned char>(*in);
    if (lead < 0x80) {
      *out++ = *in++;
    } else if (lead < 0xe0) {
      *out++ = kind_of((lead & 0x1fu) << 6 | rest(in[1]));
      in += 2;
    } else if (lead < 0xf0) {
      *out++ = kind_of((lead & 0x0fu) << 12 | rest(in[1]) << 6 | rest(in[2]));
      in += 3;
    } else {
      *out++ = kind_of((lead & 0x07u) << 18 | rest(in[1]) << 12 | rest(in[2]) << 6 | rest(in[3]));
      in += 4;
    }
  }
  kinds.resize(static_cast<std::size_t>(out - kinds.data()));
}

KindText KindText::take(std::size_t num_characters) {
  const std::size_t bytes = text.size() == kinds.size() ? num_characters : begin_of(text, num_characters);
  const KindText first{text.substr(0, bytes), kinds.substr(0, num_characters)};
  text.remove_prefix(bytes);
  kinds.remove_prefix(num_characters);
  return first;
}

}  // namespace dsrun
