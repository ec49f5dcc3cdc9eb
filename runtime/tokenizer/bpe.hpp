// Byte-pair encoding of one piece of text. Its bytes become tokens. Then the pair of neighbours that comes first in the
// list of merges (the leftmost of equals) becomes one token. This repeats until no pair is in the list.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dsrun {

struct BpeMerge {
  std::int32_t left = 0;
  std::int32_t right = 0;
  std::int32_t result = 0;
};

// Buffers of Bpe::encode. One a thread.
struct BpeScratch {
  struct Symbol {
    std::int32_t token;
    std::uint32_t previous, next;
  };
  struct Candidate {
    std::uint32_t rank, position;
    std::int32_t result;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

class Bpe {
 public:
  static constexpr std::int32_t no_token = -1;

  Bpe() = default;
  // `merges` in order of rank; of two merges of one pair, the later counts. Bytes that have no token vanish.
  Bpe(const std::array<std::int32_t, 256>& byte_tokens, const std::vector<BpeMerge>& merges);
  // Room for merges that are to come.
  Bpe(const std::array<std::int32_t, 256>& byte_tokens, std::size_t most_merges);
  void add(const BpeMerge& merge);  // comes after all before it

  // Appends the tokens of a piece. Time n log n in its bytes.
  void encode(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& tokens) const;

 private:
  struct Slot {
    std::uint64_t pair = empty_slot;
    std::uint32_t rank = no_rank;
    std::int32_t result = no_token;
  };
  static constexpr std::uint64_t empty_slot = ~std::uint64_t{0};
  static constexpr std::uint32_t no_rank = ~std::uint32_t{0};

  const Slot& find(std::int32_t left, std::int32_t right) const;
  void encode_short(std::string_view piece, std::vector<std::int32_t>& tokens) const;
  void encode_long(std::string_view piece, BpeScratch& scratch, std::vector<std::int32_t>& tokens) const;

  std::array<std::int32_t, 256> byte_tokens_{};
  std::vector<Slot> slots_ = std::vector<Slot>(1);  // a hash table; its size is a power of two
  std::uint32_t next_rank_ = 0;
};

}  // namespace dsrun
