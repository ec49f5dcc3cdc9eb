// Added tokens: strings that become one token before anything else looks at the text.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dsrun {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool special = false;      // left out of decoded text on demand
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;
  bool normalized = false;  // looked for in the normalized text
};

// Finds the added tokens of a text: from the left, the longest of those that begin at one place.
class AddedTokenFinder {
 public:
  static constexpr std::int32_t no_token = -1;
  // A part of the text: a token, or what lies between tokens.
  using OnPart = std::function<void(std::int32_t token, std::string_view text)>;

  void add(const AddedToken& token, std::string_view pattern);
  void split(std::string_view text, const OnPart& on_part) const;

 private:
  struct Found {
    std::size_t size = 0;
    std::uint32_t token = 0;
  };
  Found longest_at(std::string_view text) const;

  std::vector<AddedToken> tokens_;
  std::array<bool, 256> begins_{};                          // some token begins with this byte
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;  // node · 256 + byte -> node
  std::vector<std::uint32_t> ends_ = {0};                   // by node: token + 1, or 0
};

}  // namespace dsrun
