#include "runtime/device/exchange/routing_blocks.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace dsrun {
namespace {

constexpr std::size_t block_head = 2;  // rows, pairs

constexpr std::size_t word_bytes = sizeof(std::int32_t);

// What is wrong with a block's two counts; empty: nothing.
std::string fault_of_counts(std::int64_t rows, std::int64_t pairs, const RoutingLimits& limits) {
  if (rows < 0 || rows > limits.rows) return fmt::format("{} rows are announced, of at most {}", rows, limits.rows);
  if (pairs < rows || pairs > rows * limits.pairs_per_row)
    return fmt::format("{} rows are announced with {} pairs, of at most {} a row", rows, pairs, limits.pairs_per_row);
  return "";
}

// What is wrong with a block's pairs; empty: nothing.
std::string fault_of_pairs(const RoutingBlock& block, const RoutingLimits& limits) {
  std::int32_t row = -1, expert = -1;  // of the pair before
  for (std::size_t j = 0; j < block.pair_row.size(); ++j) {
    const std::int32_t next_row = block.pair_row[j], next_expert = block.pair_expert[j];
    const bool same_row = j > 0 && next_row == row;
    if (!same_row && next_row != row + 1)
      return fmt::format("pair {} is of row {}, after one of row {}", j, next_row, row);
    if (next_expert < 0 || next_expert >= limits.experts)
      return fmt::format("pair {} names expert {} of {}", j, next_expert, limits.experts);
    if (same_row && next_expert <= expert)
      return fmt::format("pair {} names expert {} after expert {}", j, next_expert, expert);
    row = next_row;
    expert = next_expert;
  }
  if (row + 1 != block.num_rows)
    return fmt::format("{} rows are announced, and pairs name {}", block.num_rows, row + 1);
  return "";
}

}  // namespace

std::int32_t* write_block(std::int32_t* out, const SendPlan& plan) {
  *out++ = static_cast<std::int32_t>(plan.tokens.size());
  *out++ = static_cast<std::int32_t>(plan.pair_row.size());
  out = std::copy(plan.pair_row.begin(), plan.pair_row.end(), out);
  return std::copy(plan.pair_expert.begin(), plan.pair_expert.end(), out);
}

std::vector<RoutingBlock> read_blocks(std::span<const std::int32_t> words, std::size_t num_blocks,
                                      const RoutingLimits& limits, std::string& fault) {
  std::vector<RoutingBlock> blocks;
  std::size_t needed = num_blocks * block_head;  // words that the counts read so far ask for
  for (std::size_t first = 0; fault.empty() && needed <= words.size() && blocks.size() < num_blocks;) {
    const std::int32_t rows = words[first], pairs = words[first + 1];
    fault = fault_of_counts(rows, pairs, limits);
    if (!fault.empty()) break;
    const auto size = static_cast<std::size_t>(pairs);
    needed += 2 * size;
    if (needed > words.size()) break;
    blocks.push_back({rows, words.subspan(first + block_head, size), words.subspan(first + block_head + size, size)});
    first += block_head + 2 * size;
    fault = fault_of_pairs(blocks.back(), limits);
  }
  if (fault.empty() && needed != words.size())
    fault = fmt::format("{} bytes came, and its counts say {}{}", words.size() * word_bytes, needed * word_bytes,
                        needed > words.size() ? " or more" : "");
  return blocks;
}

}  // namespace dsrun
