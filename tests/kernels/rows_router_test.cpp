// The router against its oracle: choices to the index, gates and gradients to the dtype.
#include <cmath>

#include "models/op.hpp"
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

// arXiv 2412.19437, equations 17–20, by the letter, of one sequence's counted tokens; counts are those given.
double balance_loss(const Matrix& logits, const std::vector<std::uint8_t>& mask, const std::vector<double>& counts,
                    std::int64_t first, std::int64_t length, double alpha, int top) {
  const auto experts = static_cast<std::int64_t>(counts.size());
  double counted = 0, loss = 0;
  for (std::int64_t t = first; t < first + length; ++t) counted += mask[static_cast<std::size_t>(t)];
  for (std::int64_t e = 0; e < experts; ++e) {
    double share = 0;
    for (std::int64_t t = first; t < first + length; ++t) {
      if (mask[static_cast<std::size_t>(t)] == 0) continue;
      double sum = 0;
      for (std::int64_t other = 0; other < experts; ++other) sum += 1 / (1 + std::exp(-logits.at(t, other)));
      share += 1 / (1 + std::exp(-logits.at(t, e))) / sum / counted;
    }
    loss += static_cast<double>(experts) / (top * counted) * counts[static_cast<std::size_t>(e)] * share;
  }
  return alpha * loss;
}

TEST_P(Router, sequence_wise_balance_loss_and_its_slope_are_the_papers) {
  constexpr std::int64_t tokens = 12, length = 6;
  constexpr double alpha = 0.5;
  const OpAttributes a = router(8, 2, 4, 2);
  std::vector<std::uint8_t> mask(tokens, 1);
  mask[4] = mask[5] = 0;
  Stored logits(random_matrix(tokens, a.experts, 1), wide(dtype()));
  const std::vector<float> bias = {0.5f, -0.5f, 0.25f, 0, 0, 0, -0.25f, 0.125f}, none(8, 0.0f);
  for (const ScoresCounted scores : {ScoresCounted::paper, ScoresCounted::unbiased, ScoresCounted::biased}) {
    Frame frame = route(logits, bias, a);
    const OpAttributes counted_in = scores == ScoresCounted::paper ? router(8, 2, 1, 1) : a;
    const Routed choice = oracle_router(logits.matrix(), scores == ScoresCounted::biased ? bias : none, counted_in);
    Stored dgates(Matrix(tokens, a.experts_per_token), wide(dtype()));
    Target target(tokens, a.experts, dtype(), Addend::none, 1);
    double loss = 0, expected = 0;
    frame.inputs = {};
    frame.grad_outputs = {dgates.view(), {}, {}};
    frame.grad_inputs = {target.target()};
    frame.batch.mask = mask.data();
    frame.batch.sequence_length = length;
    frame.batch.balance_alpha = alpha;
    frame.batch.balance_scores = scores;
    frame.batch.balance_loss_sum = &loss;
    frame.run(router_backward_input, workspace_, gemm_);
    Matrix slopes(tokens, a.experts);
    for (std::int64_t first = 0; first < tokens; first += length) {
      std::vector<double> counts(8);
      double counted = 0;
      for (std::int64_t t = first; t < first + length; ++t)
        if (mask[static_cast<std::size_t>(t)] != 0) {
          ++counted;
          for (const int expert : choice.chosen[static_cast<std::size_t>(t)])
            ++counts[static_cast<std::size_t>(expert)];
        }
      const auto of = [&](const Matrix& at) {
        return counted * balance_loss(at, mask, counts, first, length, alpha, a.experts_per_token);
      };
      expected += of(logits.matrix());
      for (std::int64_t t = first; t < first + length; ++t)
        for (int e = 0; e < a.experts; ++e) {
          Matrix above = logits.matrix(), below = logits.matrix();
          above.at(t, e) += 1e-4;
          below.at(t, e) -= 1e-4;
          slopes.at(t, e) = (of(above) - of(below)) / 2e-4;
        }
    }
    EXPECT_NEAR(loss, expected, 1e-5 * expected);
    EXPECT_LT(relative_error(target.out.matrix(), slopes), tolerance(dtype()) + 1e-6);
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
