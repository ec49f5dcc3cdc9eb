// CharacterSet: a set of Unicode's characters, as ranges.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace dsrun {

struct CharacterRange {
  std::uint32_t first = 0, last = 0;
  bool operator==(const CharacterRange&) const = default;
};

inline constexpr std::uint32_t last_character = 0x10ffff;

class CharacterSet {
 public:
  CharacterSet() = default;
  CharacterSet(std::initializer_list<CharacterRange> ranges) : CharacterSet(std::vector(ranges)) {}
  explicit CharacterSet(std::span<const CharacterRange> ranges)
      : CharacterSet(std::vector(ranges.begin(), ranges.end())) {}
  explicit CharacterSet(std::vector<CharacterRange> ranges);  // in any order

  bool contains(std::uint32_t character) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<CharacterRange>& ranges() const { return ranges_; }  // sorted, with a gap between any two

  CharacterSet operator|(const CharacterSet& other) const;
  CharacterSet operator&(const CharacterSet& other) const { return ~(~*this | ~other); }
  CharacterSet operator~() const;
  CharacterSet& operator|=(const CharacterSet& other) { return *this = *this | other; }
  bool operator==(const CharacterSet&) const = default;

 private:
  std::vector<CharacterRange> ranges_;
};

}  // namespace dsrun
