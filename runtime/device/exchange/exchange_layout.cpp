#include "runtime/device/exchange/exchange_layout.hpp"

#include "runtime/memory/memory.hpp"

namespace dsrun {

std::int64_t rows_bytes(const TransferBytes& bytes, RowCount size) {
  constexpr auto line = static_cast<std::int64_t>(cache_line_bytes);
  return (size.rows * static_cast<std::int64_t>(bytes.row) + line - 1) / line * line;
}

std::int64_t message_bytes(const TransferBytes& bytes, RowCount size) {
  return rows_bytes(bytes, size) + size.pairs * static_cast<std::int64_t>(bytes.pair);
}

}  // namespace dsrun
