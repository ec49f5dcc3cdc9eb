// How many bytes the messages of a transfer have: rows, then what goes with each (row, expert) pair.
#pragma once

#include <cstdint>

#include "models/transfer.hpp"

namespace dsrun {

// How many rows of tokens a message has, and how many (row, expert) pairs they make.
struct RowCount {
  std::int64_t rows = 0, pairs = 0;
  RowCount& operator+=(RowCount other) {
    rows += other.rows;
    pairs += other.pairs;
    return *this;
  }
  RowCount operator*(std::int64_t times) const { return {rows * times, pairs * times}; }
};

// The message's rows, padded to whole cache lines.
std::int64_t rows_bytes(const TransferBytes& bytes, RowCount size);
// The whole message.
std::int64_t message_bytes(const TransferBytes& bytes, RowCount size);

}  // namespace dsrun
