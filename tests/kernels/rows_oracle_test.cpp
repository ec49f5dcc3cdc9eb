// The oracles' gradients against central differences of the oracles themselves: Σ dy · y as a function of each input.
#include "tests/kernels/rows_oracle.hpp"

#include <functional>

namespace dsrun::test {
namespace {

double inner(const Matrix& a, const Matrix& b) {
  return std::inner_product(a.values.begin(), a.values.end(), b.values.begin(), 0.0);
}

Matrix central_differences(Matrix at, const std::function<double(const Matrix&)>& value) {
  constexpr double step = 1e-5;
  Matrix slopes(at.rows, at.cols);
  for (std::size_t i = 0; i < at.values.size(); ++i) {
    const double kept = at.values[i];
    at.values[i] = kept + step;
    const double above = value(at);
    at.values[i] = kept - step;
    slopes.values[i] = (above - value(at)) / (2 * step);
    at.values[i] = kept;
  }
  return slopes;
}

constexpr double close = 1e-8;

TEST(RowOracles, rms_norm_gradients_are_slopes) {
  const Matrix x = random_matrix(3, 5, 1), w = random_matrix(1, 5, 2), dy = random_matrix(3, 5, 3);
  const NormGradients made = oracle_rms_norm_gradients(x, w, dy, 0.1);
  const auto of_x = [&](const Matrix& moved) { return inner(dy, oracle_rms_norm(moved, w, 0.1)); };
  const auto of_w = [&](const Matrix& moved) { return inner(dy, oracle_rms_norm(x, moved, 0.1)); };
  EXPECT_LT(relative_error(made.dx, central_differences(x, of_x)), close);
  EXPECT_LT(relative_error(made.dw, central_differences(w, of_w)), close);
}

TEST(RowOracles, turning_back_is_the_slope_of_turning) {
  const RopeShape shape{2, 3, 4, 100.0, 3};
  const Matrix x = random_matrix(5, 14, 1), dy = random_matrix(5, 14, 2);
  const auto value = [&](const Matrix& moved) { return inner(dy, oracle_rope(moved, shape, 1)); };
  EXPECT_LT(relative_error(oracle_rope(dy, shape, -1), central_differences(x, value)), close);
}

TEST(RowOracles, kv_latent_gradients_are_slopes) {
  const RopeShape shape{1, 0, 4, 100.0, 3};
  const Matrix a = random_matrix(5, 9, 1), w = random_matrix(1, 5, 2), dy = random_matrix(5, 9, 3);
  const NormGradients made = oracle_kv_latent_gradients(a, w, dy, shape, 0.1);
  const auto of_a = [&](const Matrix& moved) { return inner(dy, oracle_kv_latent(moved, w, shape, 0.1)); };
  const auto of_w = [&](const Matrix& moved) { return inner(dy, oracle_kv_latent(a, moved, shape, 0.1)); };
  EXPECT_LT(relative_error(made.dx, central_differences(a, of_a)), close);
  EXPECT_LT(relative_error(made.dw, central_differences(w, of_w)), close);
}

TEST(RowOracles, embed_gradient_is_the_slope) {
  const std::vector<std::int32_t> tokens = {2, 0, 2, 4};
  const Matrix w = random_matrix(5, 3, 1), dx = random_matrix(4, 3, 2);
  const auto value = [&](const Matrix& moved) { return inner(dx, oracle_embed(moved, tokens)); };
  EXPECT_LT(relative_error(oracle_embed_gradient(dx, tokens, 5), central_differences(w, value)), close);
}

TEST(RowOracles, swiglu_gradients_are_slopes) {
  const Matrix a = random_matrix(3, 8, 1), factors = random_matrix(3, 1, 2), dh = random_matrix(3, 4, 3);
  const SwigluGradients made = oracle_swiglu_gradients(a, factors, dh);
  const auto of_a = [&](const Matrix& moved) { return inner(dh, oracle_swiglu(moved, factors)); };
  const auto of_factors = [&](const Matrix& moved) { return inner(dh, oracle_swiglu(a, moved)); };
  EXPECT_LT(relative_error(made.da, central_differences(a, of_a)), close);
  EXPECT_LT(relative_error(made.dfactors, central_differences(factors, of_factors)), close);
}

TEST(RowOracles, router_gradient_is_the_slope_with_the_choice_held) {
  const OpAttributes shape{
      .experts = 8, .experts_per_token = 3, .expert_groups = 4, .groups_per_token = 2, .routed_scaling = 2.5};
  const Matrix logits = random_matrix(4, 8, 1), dgates = random_matrix(4, 3, 2);
  const Routed routed = oracle_router(logits, std::vector<float>(8, 0.0f), shape);
  const auto value = [&](const Matrix& moved) { return inner(dgates, oracle_gates(moved, routed.chosen, shape)); };
  EXPECT_LT(relative_error(oracle_router_gradient(routed, dgates, shape), central_differences(logits, value)), close);
}

}  // namespace
}  // namespace dsrun::test
