#include "runtime/backend/cpu/products/gemm_f64.hpp"

#include <algorithm>
#include <cstring>

namespace dsrun {
namespace {

constexpr std::int64_t tile_rows = 4;
constexpr std::int64_t tile_cols = 16;
constexpr std::int64_t depth_block = 256;  // of A and B packed at a time, so that a panel of B stays in the L1

// Element (i, j) of op(M) at data[i · row_step + j · col_step].
struct Operand {
  const double* data;
  std::int64_t row_step, col_step;
  Operand(const TensorView& view, Transpose transpose)
      : data(view.as<double>()),
        row_step(transpose == Transpose::yes ? 1 : view.stride),
        col_step(transpose == Transpose::yes ? view.stride : 1) {}
  double at(std::int64_t i, std::int64_t j) const { return data[i * row_step + j * col_step]; }
};

// Rows [first, first + depth) of op(B) as panels of tile_cols columns, the last one filled up with zeros.
void pack_b(const Operand& b, std::int64_t first, std::int64_t depth, std::int64_t cols, double* packed) {
  for (std::int64_t col = 0; col < cols; col += tile_cols) {
    for (std::int64_t p = 0; p < depth; ++p) {
      for (std::int64_t j = 0; j < tile_cols; ++j) *packed++ = col + j < cols ? b.at(first + p, col + j) : 0.0;
    }
  }
}

// Columns [first, first + depth) of tile_rows rows of op(A), depth outermost; rows beyond the last are zeros.
void pack_a(const Operand& a, std::int64_t row, std::int64_t rows, std::int64_t first, std::int64_t depth,
            double* packed) {
  for (std::int64_t p = 0; p < depth; ++p) {
    for (std::int64_t i = 0; i < tile_rows; ++i) *packed++ = row + i < rows ? a.at(row + i, first + p) : 0.0;
  }
}

// sums = packed A · packed B. A vector type, because GCC's own vectoriser leaves the sums in memory (5 GFLOP/s).
void multiply_tile(const double* a, const double* b, std::int64_t depth, double* sums) {
  using Vector = double __attribute__((vector_size(64)));
  constexpr std::int64_t width = 8;
  Vector tile[tile_rows][tile_cols / width] = {};
  for (std::int64_t p = 0; p < depth; ++p) {
    Vector b_row[tile_cols / width];
    std::memcpy(b_row, b + p * tile_cols, sizeof b_row);
    for (std::int64_t i = 0; i < tile_rows; ++i) {
      tile[i][0] += a[p * tile_rows + i] * b_row[0];
      tile[i][1] += a[p * tile_rows + i] * b_row[1];
    }
  }
  std::memcpy(sums, tile, sizeof tile);
}

}  // namespace

std::int64_t multiply_f64_scratch_bytes(std::int64_t cols) {
  const std::int64_t panels = (cols + tile_cols - 1) / tile_cols;
  return Workspace::rounded(panels * tile_cols * depth_block * 8) + Workspace::rounded(tile_rows * depth_block * 8);
}

void multiply_f64(Workspace& workspace, const TensorView& a, Transpose transpose_a, const TensorView& b,
                  Transpose transpose_b, const TensorView& c, bool accumulate) {
  const Workspace::Scope scope(workspace);
  const Operand op_a(a, transpose_a), op_b(b, transpose_b);
  const std::int64_t total_depth = transpose_a == Transpose::yes ? a.rows : a.cols;
  const std::int64_t panels = (c.cols + tile_cols - 1) / tile_cols;
  auto* packed_b = workspace.take_array<double>(static_cast<std::size_t>(panels * tile_cols * depth_block));
  auto* packed_a = workspace.take_array<double>(static_cast<std::size_t>(tile_rows * depth_block));
  for (std::int64_t first = 0; first < total_depth; first += depth_block) {
    const std::int64_t depth = std::min(depth_block, total_depth - first);
    const bool add = accumulate || first > 0;
    pack_b(op_b, first, depth, c.cols, packed_b);
    for (std::int64_t row = 0; row < c.rows; row += tile_rows) {
      pack_a(op_a, row, c.rows, first, depth, packed_a);
      for (std::int64_t panel = 0; panel < panels; ++panel) {
        double sums[tile_rows * tile_cols];
        multiply_tile(packed_a, packed_b + panel * depth * tile_cols, depth, sums);
        const std::int64_t col = panel * tile_cols;
        for (std::int64_t i = 0; i < std::min(tile_rows, c.rows - row); ++i) {
          double* out = c.row<double>(row + i) + col;
          const std::int64_t width = std::min(tile_cols, c.cols - col);
          for (std::int64_t j = 0; j < width; ++j) out[j] = (add ? out[j] : 0.0) + sums[i * tile_cols + j];
        }
      }
    }
  }
}

}  // namespace dsrun
