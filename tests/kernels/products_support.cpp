#include "tests/kernels/products_support.hpp"

#include <limits>

namespace dsrun::test {

Stored::Stored(const Matrix& matrix, Dtype dtype, std::int64_t gap)
    : rows_(matrix.rows), cols_(matrix.cols), stride_(matrix.cols + gap), dtype_(dtype) {
  bytes_.resize(static_cast<std::size_t>(rows_ * stride_ + 1) * dtype_bytes(dtype));
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = 0; j < stride_; ++j) {
      set(i, j, j < cols_ ? matrix.at(i, j) : std::numeric_limits<double>::quiet_NaN());
    }
  }
}

Matrix Stored::matrix() const {
  Matrix read(rows_, cols_);
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = 0; j < cols_; ++j) read.at(i, j) = element(i, j);
  }
  return read;
}

bool Stored::gaps_untouched() const {
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = cols_; j < stride_; ++j) {
      if (!std::isnan(element(i, j))) return false;
    }
  }
  return true;
}

double Stored::element(std::int64_t i, std::int64_t j) const {
  const unsigned char* at = bytes_.data() + static_cast<std::size_t>(i * stride_ + j) * dtype_bytes(dtype_);
  if (dtype_ == Dtype::f64) {
    double value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint32_t raw = 0;
  if (dtype_ == Dtype::bf16) {
    std::memcpy(reinterpret_cast<unsigned char*>(&raw) + 2, at, 2);
  } else {
    std::memcpy(&raw, at, 4);
  }
  float value;
  std::memcpy(&value, &raw, sizeof value);
  return value;
}

void Stored::set(std::int64_t i, std::int64_t j, double value) {
  unsigned char* at = bytes_.data() + static_cast<std::size_t>(i * stride_ + j) * dtype_bytes(dtype_);
  const auto single = static_cast<float>(value);
  const Bf16 half(single);
  if (dtype_ == Dtype::f64) std::memcpy(at, &value, sizeof value);
  if (dtype_ == Dtype::f32) std::memcpy(at, &single, sizeof single);
  if (dtype_ == Dtype::bf16) std::memcpy(at, &half, sizeof half);
}

}  // namespace dsrun::test
