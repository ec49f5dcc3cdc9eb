// AdamW against PyTorch's formulas in doubles, sums over flat arrays, and initial values.
#include "runtime/backend/cpu/functions.hpp"
#include "tests/kernels/products_support.hpp"

namespace dsrun::test {
namespace {

class Optimizer : public ProductTest {};
DSRUN_PRODUCT_TESTS(Optimizer);

struct Adamw {
  Matrix master, m, v;
};

// One element at a time, in the order of torch.optim.AdamW's documentation.
void oracle_adamw(const AdamwStep& s, const Matrix& gradient, Adamw& state) {
  for (std::size_t i = 0; i < gradient.values.size(); ++i) {
    const double g = gradient.values[i] * s.gradient_scale;
    double& w = state.master.values[i];
    w -= s.lr * s.weight_decay * w;
    state.m.values[i] = s.beta1 * state.m.values[i] + (1 - s.beta1) * g;
    state.v.values[i] = s.beta2 * state.v.values[i] + (1 - s.beta2) * g * g;
    const double m = state.m.values[i] / (1 - std::pow(s.beta1, static_cast<double>(s.step)));
    const double v = state.v.values[i] / (1 - std::pow(s.beta2, static_cast<double>(s.step)));
    w -= s.lr * m / (std::sqrt(v) + s.eps);
  }
}

void expect_adamw(Dtype weight_type, Dtype moment_type, double allowed) {
  const std::int64_t n = 131;
  Stored master(random_matrix(1, n, 1), wide(weight_type)), weights(Matrix(1, n), weight_type);
  Stored m(Matrix(1, n), moment_type), v(Matrix(1, n), moment_type);
  Adamw expected{master.matrix(), Matrix(1, n), Matrix(1, n)};
  for (std::int64_t step = 1; step <= 5; ++step) {
    const AdamwStep s{1e-2, 0.9, 0.95, 1e-8, 0.1, 0.25, step};
    Stored gradient(random_matrix(1, n, static_cast<unsigned>(step) + 1), wide(weight_type));
    adamw_update(s, master.view(), gradient.view(), m.view(), v.view(), weights.view());
    oracle_adamw(s, gradient.matrix(), expected);
  }
  EXPECT_LT(relative_error(master.matrix(), expected.master), allowed);
  EXPECT_LT(relative_error(m.matrix(), expected.m), moment_type == Dtype::bf16 ? 8e-3 : allowed);
  EXPECT_LT(relative_error(v.matrix(), expected.v), moment_type == Dtype::bf16 ? 8e-3 : allowed);
  const Stored rounded(master.matrix(), weight_type);
  EXPECT_EQ(relative_error(weights.matrix(), rounded.matrix()), 0) << "weights are the master, rounded";
}

TEST_P(Optimizer, adamw_follows_the_formula) {
  expect_adamw(dtype(), wide(dtype()), tolerance(wide(dtype())));
  expect_adamw(dtype(), Dtype::bf16, 5e-4);  // of moments with 8 bits
}

TEST_P(Optimizer, average_of_weights_goes_towards_them) {
  const std::int64_t n = 131;
  Stored values(random_matrix(1, n, 1), wide(dtype())), average(random_matrix(1, n, 2), wide(dtype()));
  Matrix expected = average.matrix();
  for (std::size_t i = 0; i < expected.values.size(); ++i)
    expected.values[i] = 0.75 * expected.values[i] + 0.25 * values.matrix().values[i];
  average_weights(0.75, values.view(), average.view());
  EXPECT_LT(relative_error(average.matrix(), expected), tolerance(wide(dtype())));
}

TEST_P(Optimizer, sums_of_squares_and_of_slices) {
  for (const std::int64_t n : {0, 1, 31, 1024, 2500}) {
    std::vector<Stored> slices;
    Matrix sum(1, n);
    for (unsigned k = 0; k < 3; ++k) {
      slices.emplace_back(random_matrix(1, n, k + 1), dtype());
      sum = plus(sum, slices.back().matrix());
    }
    double squares = 0;
    for (const double value : slices[0].matrix().values) squares += value * value;
    EXPECT_NEAR(sum_squares(slices[0].view()), squares, 1e-13 * squares);
    const std::vector<TensorView> views = {slices[0].view(), slices[1].view(), slices[2].view()};
    sum_slices(views, slices[1].view());  // out is one of them
    EXPECT_LT(relative_error(slices[1].matrix(), sum), tolerance(dtype()));
  }
}

// (1e8 + 1) − 1e8 is 0 in fp32 and (1e8 − 1e8) + 1 is 1: the order can be seen.
TEST(Sums, slices_add_in_the_order_given) {
  float large = 1e8f, one = 1, minus = -1e8f, out = 0;
  const auto view = [](float& value) { return matrix(&value, Dtype::f32, 1, 1); };
  sum_slices(std::vector{view(large), view(one), view(minus)}, view(out));
  EXPECT_EQ(out, 0.0f);
  sum_slices(std::vector{view(large), view(minus), view(one)}, view(out));
  EXPECT_EQ(out, 1.0f);
}

TEST_P(Optimizer, initial_values_do_not_depend_on_the_range_asked_for) {
  Stored whole(Matrix(1, 999), dtype());
  fill_normal(7, "model.norm", 0, 0.02, whole.view());
  for (const std::int64_t begin : {1, 2, 500, 998}) {
    Stored part(Matrix(1, 999 - begin), dtype());
    fill_normal(7, "model.norm", begin, 0.02, part.view());
    for (std::int64_t i = begin; i < 999; ++i) ASSERT_EQ(part.matrix().at(0, i - begin), whole.matrix().at(0, i));
  }
}

TEST(InitialValues, are_normal_and_of_their_own_for_each_name_and_seed) {
  constexpr std::int64_t n = 400'000;
  Stored values(Matrix(1, n), Dtype::f64), other(Matrix(1, n), Dtype::f64), seeded(Matrix(1, n), Dtype::f64);
  fill_normal(1, "a", 0, 2, values.view());
  fill_normal(1, "b", 0, 2, other.view());
  fill_normal(2, "a", 0, 2, seeded.view());
  const std::vector<double> z = values.matrix().values;
  double mean = 0, square = 0, fourth = 0, next = 0, with_name = 0, with_seed = 0, within = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double x = z[i] / 2;
    mean += x / n;
    square += x * x / n;
    fourth += x * x * x * x / n;
    within += (std::abs(x) < 1 ? 1.0 : 0.0) / n;
    next += x * z[(i + 1) % z.size()] / 2 / n;
  }
  const std::vector<double> by_name = other.matrix().values, by_seed = seeded.matrix().values;
  for (std::size_t i = 0; i < z.size(); ++i) {
    with_name += z[i] * by_name[i] / 4 / n;
    with_seed += z[i] * by_seed[i] / 4 / n;
  }
  constexpr double six_sigma = 6 / 632.0;  // of a mean of 400 000
  EXPECT_NEAR(mean, 0, six_sigma);
  EXPECT_NEAR(square, 1, six_sigma * std::sqrt(2));
  EXPECT_NEAR(fourth, 3, six_sigma * std::sqrt(96));
  EXPECT_NEAR(within, 0.6826895, six_sigma * 0.47);
  for (const double correlation : {next, with_name, with_seed}) EXPECT_NEAR(correlation, 0, six_sigma);
}

}  // namespace
}  // namespace dsrun::test
