// The messages of exchange_counts, which announce the rows to come.
//
// A message has a block for each origin of rows: how many rows, how many pairs, the pairs' rows, the pairs' experts,
// all int32. Pairs stand in the order of rows, a row's in the order of experts; each row has at least one.
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
  std::span<const std::int32_t> pair_row, pair_expert;  // of the message, which must outlive the block
};

// What the receiver knows of a block before it comes.
struct RoutingLimits {
  std::int32_t rows = 0;           // most rows: the tokens of a microbatch
  std::int32_t pairs_per_row = 0;  // most experts that a token has
  std::int32_t experts = 0;        // whose numbers the pairs name: [0, experts)
};

// Bytes of a message of so many blocks with so many pairs together.
constexpr std::int64_t routing_bytes(std::int64_t num_blocks, std::int64_t num_pairs) {
  constexpr int pair_words = op_row(Op::exchange_counts).transfer.pair.count;
  static_assert(pair_words == 2, "a pair's row and its expert");
  return (2 * num_blocks + pair_words * num_pairs) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

// Writes a block at `out` and returns its end.
std::int32_t* write_block(std::int32_t* out, const SendPlan& plan);

// The blocks of a message. Every number is checked before it is used: sums fill the message exactly, rows count up from
// 0 without a gap, a row's experts ascend. On a fault `fault` says what is wrong, and the blocks are not to be used.
std::vector<RoutingBlock> read_blocks(std::span<const std::int32_t> words, std::size_t num_blocks,
                                      const RoutingLimits& limits, std::string& fault);

}  // namespace dsrun
