// WordCache: the tokens of pieces that came before. Text repeats its words, so that most pieces need no merging.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dsrun {

class WordCache {
 public:
  static constexpr std::size_t longest_word = 64;  // bytes; longer ones hardly come again

  std::optional<std::span<const std::int32_t>> find(std::string_view word) const;
  void add(std::string_view word, std::span<const std::int32_t> tokens);  // not in it yet; forgets all when full
  void clear();

 private:
  struct Slot {
    std::uint64_t hash = 0;  // 0: empty
    std::uint32_t text = 0;  // where in texts_
    std::uint32_t tokens = 0;
    std::uint32_t text_size = 0;
    std::uint32_t num_tokens = 0;
  };
  static constexpr std::size_t first_slots = 1 << 12, most_words = 1 << 16;

  static std::uint64_t hash_of(std::string_view word);
  std::size_t slot_of(std::uint64_t hash, std::string_view word) const;
  void grow();

  std::vector<Slot> slots_ = std::vector<Slot>(first_slots);
  std::vector<char> texts_;
  std::vector<std::int32_t> tokens_;
  std::size_t num_words_ = 0;
};

}  // namespace dsrun
