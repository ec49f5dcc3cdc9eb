#include "tests/kernels/products_call.hpp"
#include "tests/kernels/products_oracle.hpp"

namespace dsrun::test {
namespace {

class LinearTest : public ProductTest {
 protected:
  void run(KernelFunction function, const Frame& frame) { frame.run(function, workspace_, gemm_); }

  static constexpr std::int64_t tokens = 37, in = 19, out = 23;
  Stored x_{random_matrix(tokens, in, 1), dtype(), 2};
  Stored weight_{random_matrix(out, in, 2), dtype()};
  Stored d_y_{random_matrix(tokens, out, 3), dtype(), 4};
};

TEST_P(LinearTest, forward_is_x_times_the_weight_transposed) {
  for (const Dtype y_dtype : {dtype(), wide(dtype())}) {
    Stored y(Matrix(tokens, out), y_dtype, 1);
    run(linear_forward, Frame{.inputs = {x_.view()}, .outputs = {y.view()}, .params = {weight_.view()}});
    EXPECT_LT(relative_error(y.matrix(), product(x_.matrix(), transposed(weight_.matrix()))), tolerance(y_dtype));
  }
}

TEST_P(LinearTest, backward_input_adds_the_addend) {
  const Matrix gradient = product(d_y_.matrix(), weight_.matrix());
  for (const Addend addend : every_addend) {
    Target d_x(tokens, in, dtype(), addend, 3);
    run(linear_backward_input,
        Frame{.grad_outputs = {d_y_.view()}, .params = {weight_.view()}, .grad_inputs = {d_x.target()}});
    EXPECT_LT(relative_error(d_x.out.matrix(), plus(gradient, d_x.before)), tolerance(dtype()));
    EXPECT_TRUE(d_x.out.gaps_untouched());
  }
}

TEST_P(LinearTest, backward_input_skips_what_nobody_wants) {
  run(linear_backward_input, Frame{.grad_outputs = {d_y_.view()}, .params = {weight_.view()}, .grad_inputs = {{}}});
}

TEST_P(LinearTest, backward_weight_overwrites_then_accumulates) {
  const Matrix once = product(transposed(d_y_.matrix()), x_.matrix());
  Stored gradient(random_matrix(out, in, 4), wide(dtype()));
  const auto backward = [&](bool accumulate) {
    run(linear_backward_weight,
        Frame{.inputs = {x_.view()}, .grad_outputs = {d_y_.view()}, .param_grads = {{gradient.view(), accumulate}}});
  };
  backward(false);
  EXPECT_LT(relative_error(gradient.matrix(), once), tolerance(wide(dtype())));
  backward(true);
  EXPECT_LT(relative_error(gradient.matrix(), plus(once, once)), tolerance(wide(dtype())));
}

TEST_P(LinearTest, oracle_gradients_agree_with_finite_differences) {
  const Matrix x = random_matrix(4, 3, 1), weight = random_matrix(5, 3, 2), d_y = random_matrix(4, 5, 3);
  const auto by_x = [&](const Matrix& moved) { return dot(d_y, product(moved, transposed(weight))); };
  const auto by_weight = [&](const Matrix& moved) { return dot(d_y, product(x, transposed(moved))); };
  EXPECT_LT(relative_error(finite_differences(by_x, x), product(d_y, weight)), 1e-8);
  EXPECT_LT(relative_error(finite_differences(by_weight, weight), product(transposed(d_y), x)), 1e-8);
}

DSRUN_PRODUCT_TESTS(LinearTest);

class GroupedLinearTest : public ProductTest {
 protected:
  static constexpr std::int64_t in = 19, out = 23;

  void check(const std::vector<std::int64_t>& offsets) {
    Routing routing;
    routing.offsets = offsets;
    routing.local_experts = static_cast<int>(offsets.size()) - 1;
    const std::int64_t rows = routing.num_rows();
    Stored x(random_matrix(rows, in, 1), dtype(), 1),
        weights(random_matrix(routing.local_experts * out, in, 2), dtype());
    Stored d_y(random_matrix(rows, out, 3), dtype(), 2);
    check_inputs(routing, x, weights, d_y);
    check_weights(routing, x, weights, d_y);
  }

  void check_inputs(const Routing& routing, Stored& x, Stored& weights, Stored& d_y) {
    Stored y(Matrix(routing.num_rows(), out), dtype(), 3);
    Frame{.inputs = {x.view()}, .outputs = {y.view()}, .params = {weights.view()}, .routing = &routing}.run(
        grouped_linear_forward, workspace_, gemm_);
    const Matrix expected = grouped(routing.offsets, x.matrix(), weights.matrix());
    EXPECT_LT(relative_error(y.matrix(), expected), tolerance(dtype()));
    const Matrix gradient = grouped_gradients(routing.offsets, x.matrix(), weights.matrix(), d_y.matrix()).dx;
    for (const Addend addend : every_addend) {
      Target d_x(routing.num_rows(), in, dtype(), addend, 1);
      Frame{
          .grad_outputs = {d_y.view()}, .params = {weights.view()}, .grad_inputs = {d_x.target()}, .routing = &routing}
          .run(grouped_linear_backward_input, workspace_, gemm_);
      EXPECT_LT(relative_error(d_x.out.matrix(), plus(gradient, d_x.before)), tolerance(dtype()));
    }
  }

  void check_weights(const Routing& routing, Stored& x, const Stored& weights, Stored& d_y) {
    const Matrix once = grouped_gradients(routing.offsets, x.matrix(), weights.matrix(), d_y.matrix()).dweights;
    Stored gradient(random_matrix(once.rows, in, 5), wide(dtype()));
    Matrix expected = once;
    for (const bool accumulate : {false, true, true}) {
      Frame{.inputs = {x.view()},
            .grad_outputs = {d_y.view()},
            .param_grads = {{gradient.view(), accumulate}},
            .routing = &routing}
          .run(grouped_linear_backward_weight, workspace_, gemm_);
      EXPECT_LT(relative_error(gradient.matrix(), expected), tolerance(wide(dtype())));
      expected = plus(expected, once);
    }
  }
};

TEST(GroupedLinearOracle, gradients_agree_with_finite_differences) {
  const std::vector<std::int64_t> offsets = {0, 2, 2, 5};
  const Matrix x = random_matrix(5, 3, 1), weights = random_matrix(12, 3, 2), d_y = random_matrix(5, 4, 3);
  const GroupedGradients made = grouped_gradients(offsets, x, weights, d_y);
  const auto by_x = [&](const Matrix& moved) { return dot(d_y, grouped(offsets, moved, weights)); };
  const auto by_weights = [&](const Matrix& moved) { return dot(d_y, grouped(offsets, x, moved)); };
  EXPECT_LT(relative_error(finite_differences(by_x, x), made.dx), 1e-8);
  EXPECT_LT(relative_error(finite_differences(by_weights, weights), made.dweights), 1e-8);
}

TEST_P(GroupedLinearTest, multiplies_uneven_experts) { check({0, 5, 69, 70, 131}); }
TEST_P(GroupedLinearTest, multiplies_with_experts_that_got_no_rows) { check({0, 0, 40, 40, 40}); }
TEST_P(GroupedLinearTest, multiplies_with_one_expert_that_got_all_rows) { check({0, 0, 0, 128}); }

TEST_P(GroupedLinearTest, without_any_row_zeroes_the_weights_gradient) {
  Routing routing;
  routing.offsets = {0, 0, 0};
  routing.local_experts = 2;
  Stored gradient(random_matrix(2 * out, in, 5), wide(dtype()));
  Frame frame{.inputs = {matrix(nullptr, dtype(), 0, in)},
              .grad_outputs = {matrix(nullptr, dtype(), 0, out)},
              .param_grads = {{gradient.view(), true}},
              .routing = &routing};
  const Matrix before = gradient.matrix();
  frame.run(grouped_linear_backward_weight, workspace_, gemm_);
  EXPECT_EQ(gradient.matrix().values, before.values);
  frame.param_grads[0].accumulate = false;
  frame.run(grouped_linear_backward_weight, workspace_, gemm_);
  EXPECT_EQ(gradient.matrix().values, Matrix(2 * out, in).values);
}

DSRUN_PRODUCT_TESTS(GroupedLinearTest);

}  // namespace
}  // namespace dsrun::test
