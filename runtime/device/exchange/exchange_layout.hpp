// Sizes of a transfer's messages in bytes. A message holds its rows, then the elements of each (row, expert) pair.
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

// Bytes of the message's rows, padded to whole cache lines.
std::int64_t rows_bytes(const TransferBytes& bytes, RowCount size);
// Bytes of the whole message.
std::int64_t message_bytes(const TransferBytes& bytes, RowCount size);

}  // namespace dsrun
