#include "runtime/backend/cpu/parts/head_loss_chunk.hpp"
#include "tests/kernels/products_call.hpp"
#include "tests/kernels/products_oracle.hpp"

namespace dsrun::test {
namespace {

class HeadLossTest : public ProductTest {
 protected:
  static constexpr std::int64_t dim = 12;

  void check(std::int64_t tokens, std::int64_t vocab) {
    Stored x(random_matrix(tokens, dim, 1), dtype(), 3), weight(random_matrix(vocab, dim, 2, 0.5), dtype());
    std::vector<std::int32_t> targets;
    std::vector<std::uint8_t> mask;
    for (std::int64_t i = 0; i < tokens; ++i) {
      mask.push_back(i % 5 != 3);
      targets.push_back(mask.back() != 0 ? static_cast<std::int32_t>(i * 7 % vocab) : -1);  // −1 must not be read
    }
    const HeadLoss expected = head_loss(x.matrix(), weight.matrix(), targets, mask);
    double sum = 1.5;
    Stored lse(Matrix(tokens, 1), wide(dtype()), 1);
    Frame frame{.inputs = {x.view()},
                .outputs = {lse.view()},
                .params = {weight.view()},
                .batch = {.targets = targets.data(), .mask = mask.data(), .loss_sum = &sum}};
    frame.run(head_loss_forward, workspace_, gemm_);
    EXPECT_NEAR(sum - 1.5, expected.sum, tolerance(wide(dtype())) * expected.sum);
    EXPECT_LT(relative_error(lse.matrix(), expected.lse), tolerance(wide(dtype())));
    check_gradients(frame, expected, x.matrix(), weight.matrix());
  }

  void check_gradients(Frame& frame, const HeadLoss& expected, const Matrix& x, const Matrix& weight) {
    for (const Addend addend : every_addend) {
      Target d_x(x.rows, dim, dtype(), addend, 2);
      frame.grad_inputs = {d_x.target()};
      frame.run(head_loss_backward_input, workspace_, gemm_);
      EXPECT_LT(relative_error(d_x.out.matrix(), plus(product(expected.d_logits, weight), d_x.before)),
                tolerance(dtype()));
    }
    const Matrix once = product(transposed(expected.d_logits), x);
    Stored gradient(random_matrix(weight.rows, dim, 5), wide(dtype()));
    frame.param_grads = {{gradient.view(), false}};
    frame.run(head_loss_backward_weight, workspace_, gemm_);
    EXPECT_LT(relative_error(gradient.matrix(), once), tolerance(dtype()));  // d_logits are rounded to the dtype
    frame.param_grads[0].accumulate = true;
    frame.run(head_loss_backward_weight, workspace_, gemm_);
    EXPECT_LT(relative_error(gradient.matrix(), plus(once, once)), tolerance(dtype()));
  }
};

TEST_P(HeadLossTest, sums_cross_entropy_over_unmasked_positions) {
  check(7, 5);
  check(64, 256);
  check(33, 97);
}

TEST_P(HeadLossTest, crosses_chunk_boundaries) {
  const std::int64_t chunk = head_loss_chunk_rows(80);
  check(chunk, 80);
  check(chunk + 1, 80);
  check(2 * chunk + 17, 80);
}

TEST_P(HeadLossTest, weighs_its_gradients_and_names_the_likeliest_token) {
  constexpr std::int64_t tokens = 70, vocab = 97;
  Stored x(random_matrix(tokens, dim, 1), dtype()), weight(random_matrix(vocab, dim, 2, 0.5), dtype());
  const std::vector<std::int32_t> targets(tokens, 3);
  std::vector<std::int32_t> likeliest(tokens, -1);
  Stored lse(Matrix(tokens, 1), wide(dtype()));
  double sum = 0;
  Frame frame{.inputs = {x.view()}, .outputs = {lse.view()}, .params = {weight.view()}};
  frame.batch = {.targets = targets.data(), .loss_sum = &sum, .likeliest = likeliest.data(), .loss_weight = 0.25};
  frame.run(head_loss_forward, workspace_, gemm_);
  const Matrix logits = product(x.matrix(), transposed(weight.matrix()));
  for (std::int64_t t = 0; t < tokens; ++t) {
    double most = logits.at(t, 0);
    for (std::int64_t w = 1; w < vocab; ++w) most = std::max(most, logits.at(t, w));
    ASSERT_GE(likeliest[static_cast<std::size_t>(t)], 0);
    EXPECT_NEAR(logits.at(t, likeliest[static_cast<std::size_t>(t)]), most, tolerance(wide(dtype())) * (1 + most));
  }
  HeadLoss expected = head_loss(x.matrix(), weight.matrix(), targets, std::vector<std::uint8_t>(tokens, 1));
  EXPECT_NEAR(sum, expected.sum, tolerance(wide(dtype())) * expected.sum);
  for (double& each : expected.d_logits.values) each *= 0.25;
  check_gradients(frame, expected, x.matrix(), weight.matrix());
}

TEST(HeadLossChunk, keeps_logits_small_and_products_efficient) {
  EXPECT_EQ(head_loss_chunk_rows(129280), 64);
  EXPECT_EQ(head_loss_chunk_rows(4096), 128);
  EXPECT_EQ(head_loss_chunk_rows(256), 512);
}

TEST_P(HeadLossTest, reports_a_logit_that_is_not_a_number) {
  Matrix bad = random_matrix(4, dim, 1);
  bad.at(2, 5) = NAN;
  Stored x(bad, dtype()), weight(random_matrix(9, dim, 2), dtype()), lse(Matrix(4, 1), wide(dtype()));
  const std::vector<std::int32_t> targets{0, 1, 2, 3};
  double sum = 0;
  Frame{.inputs = {x.view()},
        .outputs = {lse.view()},
        .params = {weight.view()},
        .batch = {.targets = targets.data(), .loss_sum = &sum}}
      .run(head_loss_forward, workspace_, gemm_);
  EXPECT_TRUE(std::isnan(sum));
  EXPECT_FALSE(std::isnan(lse.matrix().at(1, 0)));
}

TEST(HeadLossOracle, gradients_agree_with_finite_differences) {
  const Matrix x = random_matrix(5, 3, 1), weight = random_matrix(4, 3, 2);
  const std::vector<std::int32_t> targets{0, 3, 1, 2, 2};
  const std::vector<std::uint8_t> mask{1, 1, 0, 1, 1};
  const Matrix d_logits = head_loss(x, weight, targets, mask).d_logits;
  const auto by_x = [&](const Matrix& moved) { return head_loss(moved, weight, targets, mask).sum; };
  const auto by_weight = [&](const Matrix& moved) { return head_loss(x, moved, targets, mask).sum; };
  EXPECT_LT(relative_error(finite_differences(by_x, x), product(d_logits, weight)), 1e-8);
  EXPECT_LT(relative_error(finite_differences(by_weight, weight), product(transposed(d_logits), x)), 1e-8);
}

DSRUN_PRODUCT_TESTS(HeadLossTest);

}  // namespace
}  // namespace dsrun::test
