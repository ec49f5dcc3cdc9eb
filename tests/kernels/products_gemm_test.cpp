#include "tests/kernels/products_oracle.hpp"

namespace dsrun::test {
namespace {

class GemmTest : public ProductTest {
 protected:
  // C = op(A) op(B) of m × n × k against the oracle, from and into matrices with gaps between their rows.
  void check(std::int64_t m, std::int64_t n, std::int64_t k, bool turn_a, bool turn_b, bool accumulate, Dtype out) {
    Stored a(turn_a ? random_matrix(k, m, 1) : random_matrix(m, k, 1), dtype(), 3);
    Stored b(turn_b ? random_matrix(n, k, 2) : random_matrix(k, n, 2), dtype(), 5);
    Stored c(random_matrix(m, n, 3), out, 7);
    Matrix expected =
        product(turn_a ? transposed(a.matrix()) : a.matrix(), turn_b ? transposed(b.matrix()) : b.matrix());
    if (accumulate) expected = plus(expected, c.matrix());
    gemm_.multiply(a.view(), Transpose(turn_a), b.view(), Transpose(turn_b), c.view(), accumulate);
    EXPECT_LT(relative_error(c.matrix(), expected), tolerance(out))
        << m << " × " << n << " × " << k << " turned " << turn_a << turn_b << " accumulate " << accumulate;
    EXPECT_TRUE(c.gaps_untouched());
  }

  void check_layouts(std::int64_t m, std::int64_t n, std::int64_t k) {
    for (const Dtype out : {dtype(), wide(dtype())}) {
      for (int layout = 0; layout < 8; ++layout) check(m, n, k, layout & 1, layout & 2, layout & 4, out);
    }
  }
};

TEST_P(GemmTest, multiplies_odd_sizes) {
  check_layouts(1, 1, 1);
  check_layouts(1, 17, 5);
  check_layouts(19, 1, 3);
  check_layouts(3, 5, 7);
  check_layouts(65, 33, 17);
  check_layouts(130, 48, 300);
}

TEST_P(GemmTest, multiplies_sizes_that_get_a_primitive_of_their_own) {
  check_layouts(64, 64, 96);
  check_layouts(128, 32, 64);
  check_layouts(192, 512, 128);
}

TEST_P(GemmTest, of_depth_zero_writes_zeros_unless_it_accumulates) {
  check(6, 5, 0, false, true, false, dtype());
  check(6, 5, 0, false, true, true, dtype());
  check(6, 5, 0, true, false, false, wide(dtype()));
}

TEST_P(GemmTest, of_no_rows_or_columns_does_nothing) {
  check(0, 5, 4, false, true, false, dtype());
  check(5, 0, 4, false, true, false, dtype());
}

TEST_P(GemmTest, gives_equal_bits_to_equal_calls_whatever_ran_before) {
  for (const std::int64_t m : {64, 65}) {
    Stored a(random_matrix(m, 96, 1), dtype()), b(random_matrix(64, 96, 2), dtype());
    Stored first(Matrix(m, 64), dtype()), second(Matrix(m, 64), dtype());
    gemm_.multiply(a.view(), Transpose::no, b.view(), Transpose::yes, first.view());
    check_layouts(31, 64, 96);
    gemm_.multiply(a.view(), Transpose::no, b.view(), Transpose::yes, second.view());
    EXPECT_EQ(first.matrix().values, second.matrix().values);
  }
}

TEST_P(GemmTest, makes_no_primitive_for_each_ragged_row_count) {
  for (std::int64_t m = 1; m < 64; ++m) check(m, 32, 32, false, true, false, dtype());
  const std::int64_t held = gemm_.bytes_held();
  for (std::int64_t m = 65; m < 128; ++m) check(m, 32, 32, false, true, false, dtype());
  EXPECT_EQ(gemm_.bytes_held(), held);
}

DSRUN_PRODUCT_TESTS(GemmTest);

}  // namespace
}  // namespace dsrun::test
