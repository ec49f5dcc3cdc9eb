// The messages of exchange_counts, which announce the rows of a dispatch.
//
// A message has one block for each origin of rows: number of rows, number of pairs, the pairs' rows, the pairs'
// experts, all int32. Pairs are in the order of rows, the pairs of one row in the order of experts. Each row has at
// least one pair.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/op_table.hpp"
#include "runtime/device/exchange/routing.hpp"

namespace dsrun {

struct RoutingBlock {
  std::int32_t num_rows = 0;
  std::span<const std::int32_t> pair_row, pair_expert;  // point into the message, which must outlive the block
};

// What the receiver knows about a block before it arrives.
struct RoutingLimits {
  std::int32_t rows = 0;           // most rows: the tokens of a microbatch
  std::int32_t pairs_per_row = 0;  // most experts that a token has
  std::int32_t experts = 0;        // the pairs' expert numbers are in [0, experts)
};

// Bytes of a message with `num_blocks` blocks that have `num_pairs` pairs together.
constexpr std::int64_t routing_bytes(std::int64_t num_blocks, std::int64_t num_pairs) {
  constexpr int pair_words = op_row(Op::exchange_counts).transfer.pair.count;
  static_assert(pair_words == 2, "a pair's row and its expert");
  return (2 * num_blocks + pair_words * num_pairs) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

// Writes a block at `out` and returns its end.
std::int32_t* write_block(std::int32_t* out, const SendPlan& plan);

// The blocks of a message. Every number is checked before it is used: the blocks fill the message exactly, rows count
// up from 0 without a gap, a row's experts ascend. If something is wrong, `fault` says what, and the blocks must not be
// used.
std::vector<RoutingBlock> read_blocks(std::span<const std::int32_t> words, std::size_t num_blocks,
                                      const RoutingLimits& limits, std::string& fault);

}  // namespace dsrun
