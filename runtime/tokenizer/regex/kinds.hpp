// Kinds: a byte for each character of a text. Characters that no pattern of a tokenizer tells apart are of one kind;
// ASCII's keep their own bytes. Regexes match kinds instead of characters, so that they need no tables and no UTF-8,
// and an ASCII text is matched as it stands.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/regex/pattern.hpp"

namespace dsrun {

class KindTable {
 public:
  KindTable() = default;
  // Throws std::invalid_argument if the patterns' sets tell more than 128 kinds apart outside of ASCII, or if they are
  // more than 1024.
  explicit KindTable(const std::vector<const Pattern*>& patterns);

  // The kinds of the characters of a set, which stands in a pattern.
  std::bitset<256> kinds_of(const CharacterSet& set) const;

  // Appends the kinds of a well-formed text.
  void append(std::string_view text, std::string& kinds) const;

 private:
  char kind_of(std::uint32_t character) const { return static_cast<char>(table_[character]); }

  std::vector<std::uint8_t> table_;      // by character
  std::vector<std::uint32_t> examples_;  // by kind − 128: a character of that kind
};

// A text and its kinds. The two are one for ASCII.
struct KindText {
  std::string_view text, kinds;

  // Cuts the first characters off and gives them.
  KindText take(std::size_t num_characters);
};

}  // namespace dsrun
