// What tests of CUDA's row kernels share. Each is skipped, visibly, where there is no device.
#pragma once

#include "runtime/backend/cuda/row_kernels.hpp"
#include "tests/cuda/device_copy.hpp"

namespace dsrun::test {

inline constexpr cuda::Stream stream = nullptr;  // CUDA's default: copies wait for it

class CudaRows : public ProductTest {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device";
  }
  Stored stored(std::int64_t rows, std::int64_t cols, unsigned seed) const {
    return {random_matrix(rows, cols, seed), dtype(), 3};
  }
  Stored wide_stored(const Matrix& values) const { return {values, wide(dtype())}; }
  void expect_equal(const DeviceCopy& copy, const Stored& actual, const Matrix& expected, Dtype stored_as) const {
    copy.read_back();
    EXPECT_LT(relative_error(actual.matrix(), expected), tolerance(stored_as));
    EXPECT_TRUE(actual.gaps_untouched());
  }
  void expect_equal(const DeviceCopy& copy, const Stored& actual, const Matrix& expected) const {
    expect_equal(copy, actual, expected, dtype());
  }
};

}  // namespace dsrun::test
