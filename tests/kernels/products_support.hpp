// For tests of kernels that multiply: matrices of doubles that the oracles work on, and the same numbers in a dtype.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "runtime/backend/cpu/products/gemm.hpp"
#include "runtime/backend/kernel.hpp"

namespace dsrun::test {

struct Matrix {
  std::int64_t rows = 0, cols = 0;
  std::vector<double> values;

  Matrix() = default;
  Matrix(std::int64_t num_rows, std::int64_t num_cols)
      : rows(num_rows), cols(num_cols), values(static_cast<std::size_t>(num_rows * num_cols)) {}
  double& at(std::int64_t i, std::int64_t j) { return values[static_cast<std::size_t>(i * cols + j)]; }
  double at(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * cols + j)]; }
};

inline Matrix random_matrix(std::int64_t rows, std::int64_t cols, unsigned seed, double scale = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, scale);
  Matrix made(rows, cols);
  for (double& value : made.values) value = normal(engine);
  return made;
}

inline Matrix plus(const Matrix& a, const Matrix& b) {
  Matrix sum = a;
  for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += b.values[i];
  return sum;
}

// A matrix in memory as kernels see it, its rows `gap` elements apart; the gaps hold NaN, which no kernel may read into
// a result, and tests see that none was written.
class Stored {
 public:
  Stored(const Matrix& matrix, Dtype dtype, std::int64_t gap = 0);
  TensorView view() { return {bytes_.data(), rows_, cols_, stride_, dtype_}; }
  Matrix matrix() const;  // rounded to the dtype
  bool gaps_untouched() const;

 private:
  double element(std::int64_t i, std::int64_t j) const;
  void set(std::int64_t i, std::int64_t j, double value);

  std::int64_t rows_, cols_, stride_;
  Dtype dtype_;
  std::vector<unsigned char> bytes_;
};

inline Stored::Stored(const Matrix& matrix, Dtype dtype, std::int64_t gap)
    : rows_(matrix.rows), cols_(matrix.cols), stride_(matrix.cols + gap), dtype_(dtype) {
  bytes_.resize(static_cast<std::size_t>(rows_ * stride_ + 1) * dtype_bytes(dtype));
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = 0; j < stride_; ++j) {
      set(i, j, j < cols_ ? matrix.at(i, j) : std::numeric_limits<double>::quiet_NaN());
    }
  }
}

inline Matrix Stored::matrix() const {
  Matrix read(rows_, cols_);
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = 0; j < cols_; ++j) read.at(i, j) = element(i, j);
  }
  return read;
}

inline bool Stored::gaps_untouched() const {
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int64_t j = cols_; j < stride_; ++j) {
      if (!std::isnan(element(i, j))) return false;
    }
  }
  return true;
}

inline double Stored::element(std::int64_t i, std::int64_t j) const {
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

inline void Stored::set(std::int64_t i, std::int64_t j, double value) {
  unsigned char* at = bytes_.data() + static_cast<std::size_t>(i * stride_ + j) * dtype_bytes(dtype_);
  const auto single = static_cast<float>(value);
  const Bf16 half(single);
  if (dtype_ == Dtype::f64) std::memcpy(at, &value, sizeof value);
  if (dtype_ == Dtype::f32) std::memcpy(at, &single, sizeof single);
  if (dtype_ == Dtype::bf16) std::memcpy(at, &half, sizeof half);
}

inline double relative_error(const Matrix& actual, const Matrix& expected) {
  if (actual.values.size() != expected.values.size()) return INFINITY;
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < actual.values.size(); ++i) {
    difference += std::pow(actual.values[i] - expected.values[i], 2);
    norm += std::pow(expected.values[i], 2);
  }
  return std::sqrt(difference) / (std::sqrt(norm) + 1e-30);
}

// What a result in `dtype` may differ from the oracle fed with the same rounded inputs.
inline double tolerance(Dtype dtype) { return dtype == Dtype::f64 ? 1e-11 : dtype == Dtype::f32 ? 2e-6 : 8e-3; }

// dtype of gradients of parameters and of statistics.
inline Dtype wide(Dtype dtype) { return dtype == Dtype::f64 ? Dtype::f64 : Dtype::f32; }

inline std::vector<Dtype> dtypes() {
  std::vector<Dtype> all = {Dtype::f64, Dtype::f32};
  if (bf16_products_supported()) all.push_back(Dtype::bf16);
  return all;
}

inline std::string name_of(Dtype dtype) {
  return dtype == Dtype::f64 ? "f64" : dtype == Dtype::f32 ? "f32" : dtype == Dtype::bf16 ? "bf16" : "i32";
}

class ProductTest : public ::testing::TestWithParam<Dtype> {
 protected:
  Dtype dtype() const { return GetParam(); }
  Workspace workspace_;
  CpuGemm cpu_gemm_{workspace_};
  Gemm& gemm_ = cpu_gemm_;
};

#define DSRUN_PRODUCT_TESTS(suite)                                       \
  INSTANTIATE_TEST_SUITE_P(Dtypes, suite, ::testing::ValuesIn(dtypes()), \
                           [](const auto& one) { return name_of(one.param); })

}  // namespace dsrun::test
