// Two matrices side by side, and their gradient taken apart, with every way of meeting an addend.
#include "tests/kernels/products_call.hpp"

namespace dsrun::test {
namespace {

class ConcatTest : public ProductTest {};

TEST_P(ConcatTest, puts_rows_side_by_side_and_takes_gradients_apart) {
  constexpr std::int64_t rows = 5, cols = 7;
  Stored x(random_matrix(rows, cols, 1), dtype(), 2), y(random_matrix(rows, cols, 2), dtype());
  Stored z(Matrix(rows, 2 * cols), dtype(), 1);
  Frame frame{.inputs = {x.view(), y.view()}, .outputs = {z.view()}};
  frame.run(concat_forward, workspace_, gemm_);
  const Matrix left = x.matrix(), right = y.matrix(), both = z.matrix();
  for (std::int64_t t = 0; t < rows; ++t)
    for (std::int64_t c = 0; c < cols; ++c) {
      EXPECT_EQ(both.at(t, c), left.at(t, c));
      EXPECT_EQ(both.at(t, cols + c), right.at(t, c));
    }
  for (const Addend addend : every_addend) {
    Stored dz(random_matrix(rows, 2 * cols, 3), dtype(), 4);
    Target dx(rows, cols, dtype(), addend, 1), dy(rows, cols, dtype(), Addend::none);
    const TensorView none;
    Frame backward{.inputs = {none, none}, .grad_outputs = {dz.view()}, .grad_inputs = {dx.target(), dy.target()}};
    backward.run(concat_backward_input, workspace_, gemm_);
    Matrix first(rows, cols), second(rows, cols);
    for (std::int64_t t = 0; t < rows; ++t)
      for (std::int64_t c = 0; c < cols; ++c) {
        first.at(t, c) = dz.matrix().at(t, c);
        second.at(t, c) = dz.matrix().at(t, cols + c);
      }
    EXPECT_LT(relative_error(dx.out.matrix(), plus(first, dx.before)), tolerance(dtype()));
    EXPECT_EQ(relative_error(dy.out.matrix(), second), 0);
  }
}

DSRUN_PRODUCT_TESTS(ConcatTest);

}  // namespace
}  // namespace dsrun::test
