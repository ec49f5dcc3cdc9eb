// The router against its oracle: choices to the index, gates and gradients to the dtype.
#include "tests/kernels/products_call.hpp"
#include "tests/kernels/rows_oracle.hpp"

namespace dsrun::test {
namespace {

OpAttributes router(int experts, int top, int groups, int groups_per_token) {
  return {.experts = experts,
          .experts_per_token = top,
          .expert_groups = groups,
          .groups_per_token = groups_per_token,
          .routed_scaling = 2.5};
}

class Router : public ProductTest {
 protected:
  // Fills gates_, indices_ and scores_.
  Frame route(Stored& logits, const std::vector<float>& bias, const OpAttributes& a) {
    const std::int64_t tokens = logits.view().rows;
    indices_.assign(static_cast<std::size_t>(tokens * a.experts_per_token), -1);
    gates_ = std::make_unique<Stored>(Matrix(tokens, a.experts_per_token), wide(dtype()));
    scores_ = std::make_unique<Stored>(Matrix(tokens, a.experts), wide(dtype()));
    const Frame frame{
        .attributes = a,
        .inputs = {logits.view()},
        .outputs = {gates_->view(), matrix(indices_.data(), Dtype::i32, tokens, a.experts_per_token), scores_->view()},
        .router_bias = bias.data()};
    frame.run(router_forward, workspace_, gemm_);
    return frame;
  }
  std::vector<int> chosen(std::int64_t token, int top) const {
    const auto begin = indices_.begin() + token * top;
    return {begin, begin + top};
  }

  std::vector<std::int32_t> indices_;
  std::unique_ptr<Stored> gates_, scores_;
};
DSRUN_PRODUCT_TESTS(Router);

TEST_P(Router, follows_its_oracle) {
  for (const OpAttributes& a : {router(16, 4, 4, 2), router(6, 2, 1, 1), router(8, 3, 8, 5), router(256, 8, 8, 4)}) {
    Stored logits(random_matrix(20, a.experts, 1), wide(dtype()), 3);
    std::vector<float> bias;
    for (int e = 0; e < a.experts; ++e) bias.push_back(0.3f * static_cast<float>(e % 3) - 0.5f);
    Frame frame = route(logits, bias, a);
    const Routed expected = oracle_router(logits.matrix(), bias, a);
    for (std::int64_t t = 0; t < 20; ++t)
      EXPECT_EQ(chosen(t, a.experts_per_token), expected.chosen[static_cast<std::size_t>(t)]) << "token " << t;
    EXPECT_LT(relative_error(gates_->matrix(), expected.gates), tolerance(wide(dtype())));
    EXPECT_LT(relative_error(scores_->matrix(), expected.scores), tolerance(wide(dtype())));

    Stored dgates(random_matrix(20, a.experts_per_token, 2), wide(dtype()));
    const Matrix dlogits = oracle_router_gradient(expected, dgates.matrix(), a);
    for (const Addend addend : every_addend) {
      Target target(20, a.experts, dtype(), addend, 1);
      frame.inputs = {};
      frame.grad_outputs = {dgates.view(), {}, {}};
      frame.grad_inputs = {target.target()};
      frame.run(router_backward_input, workspace_, gemm_);
      EXPECT_LT(relative_error(target.out.matrix(), plus(dlogits, target.before)), tolerance(dtype()));
    }
  }
}

TEST_P(Router, gives_ties_to_the_lowest_index) {
  Stored logits(Matrix(1, 12), wide(dtype()));
  route(logits, std::vector<float>(12, 0.0f), router(12, 4, 4, 2));
  EXPECT_EQ(chosen(0, 4), (std::vector{0, 1, 2, 3}));
}

TEST_P(Router, bias_selects_but_does_not_weigh) {
  Stored logits(Matrix(1, 4), wide(dtype()));
  route(logits, {0, 0, 1, 0}, router(4, 2, 1, 1));
  EXPECT_EQ(chosen(0, 2), (std::vector{2, 0}));
  EXPECT_NEAR(gates_->matrix().at(0, 0), 1.25, 1e-6);
  EXPECT_NEAR(gates_->matrix().at(0, 1), 1.25, 1e-6);
}

// With all biases below −1 an excluded group's experts, set to 0, would win.
TEST_P(Router, excluded_groups_stay_out_under_negative_biases) {
  Matrix scores(1, 6);
  scores.values = {3, 2, 1, 1, 2, 1};
  Stored logits(scores, wide(dtype()));
  route(logits, std::vector<float>(6, -2.0f), router(6, 2, 3, 1));
  EXPECT_EQ(chosen(0, 2), (std::vector{0, 1}));
}

// A group's worth is that of its two best, not of its best.
TEST_P(Router, groups_count_by_their_two_best) {
  Matrix scores(1, 6);
  scores.values = {3, -9, -9, 2, 2, -9};
  Stored logits(scores, wide(dtype()));
  route(logits, std::vector<float>(6, 0.0f), router(6, 1, 2, 1));
  EXPECT_EQ(chosen(0, 1), (std::vector{3}));
}

TEST_P(Router, chooses_valid_distinct_experts_of_NaNs) {
  Matrix scores(2, 8);
  std::fill(scores.values.begin(), scores.values.end(), std::numeric_limits<double>::quiet_NaN());
  scores.at(1, 6) = 1;
  Stored logits(scores, wide(dtype()));
  route(logits, std::vector<float>(8, 0.0f), router(8, 3, 4, 2));
  for (std::int64_t t = 0; t < 2; ++t) {
    std::vector<int> sorted = chosen(t, 3);
    std::sort(sorted.begin(), sorted.end());
    EXPECT_GE(sorted.front(), 0);
    EXPECT_LT(sorted.back(), 8);
    EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
    EXPECT_TRUE(std::isnan(gates_->matrix().at(t, 0) + gates_->matrix().at(t, 2)));
  }
}

}  // namespace
}  // namespace dsrun::test
