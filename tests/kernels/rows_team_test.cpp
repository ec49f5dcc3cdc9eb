// Row arithmetic under a Team of several threads, which sees what a CUDA block would: members that skip a call, meet in
// another order or read what nobody waited for. What CpuTeam computes is the truth here; it has its own tests.
#include <barrier>
#include <thread>

#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/adamw.hpp"
#include "runtime/backend/row/kv_latent.hpp"
#include "runtime/backend/row/router.hpp"
#include "runtime/backend/row/softmax.hpp"
#include "runtime/backend/row/swiglu.hpp"
#include "tests/kernels/products_support.hpp"

namespace dsrun::test {
namespace {

// As runtime/backend/cuda/block_team.cuh: strided elements, a value of each member combined, a barrier after every
// call.
class ThreadTeam {
 public:
  static constexpr int members = 3;
  struct Shared {
    std::barrier<> barrier{members};
    double values[members];
  };

  ThreadTeam(Shared& shared, int member) : shared_(shared), member_(member) {}

  template <class F>
  void each(std::int64_t n, F f) const {
    for (std::int64_t i = member_; i < n; i += members) f(i);
    shared_.barrier.arrive_and_wait();
  }
  template <class F>
  auto sum(std::int64_t n, F f) const {
    decltype(f(n)) own = 0;
    for (std::int64_t i = member_; i < n; i += members) own += f(i);
    return combine(own, [](auto a, auto b) { return a + b; });
  }
  template <class F>
  auto max(std::int64_t n, F f) const {
    using A = decltype(f(n));
    A own = -std::numeric_limits<A>::infinity();
    for (std::int64_t i = member_; i < n; i += members) own = f(i) > own ? f(i) : own;
    return combine(own, [](auto a, auto b) { return a > b ? a : b; });
  }
  template <class F>
  std::int64_t first(std::int64_t n, F f) const {
    std::int64_t own = member_;
    while (own < n && !f(own)) own += members;
    return combine(own < n ? own : n, [](auto a, auto b) { return a < b ? a : b; });
  }
  template <class F>
  void once(F f) const {
    if (member_ == 0) f();
    shared_.barrier.arrive_and_wait();
  }

 private:
  template <class A, class Op>
  A combine(A own, Op op) const {
    shared_.values[member_] = static_cast<double>(own);
    shared_.barrier.arrive_and_wait();
    A all = static_cast<A>(shared_.values[0]);
    for (int m = 1; m < members; ++m) all = op(all, static_cast<A>(shared_.values[m]));
    shared_.barrier.arrive_and_wait();
    return all;
  }

  Shared& shared_;
  int member_;
};

template <class Work>
void run_team(const Work& work) {
  ThreadTeam::Shared shared;
  std::vector<std::jthread> threads;
  for (int m = 0; m < ThreadTeam::members; ++m) threads.emplace_back([&, m] { work(ThreadTeam(shared, m)); });
}

using Values = std::vector<double>;

Values some(std::size_t n, unsigned seed) { return random_matrix(1, static_cast<std::int64_t>(n), seed).values; }

void expect_near(const Values& actual, const Values& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12);
}

// `work(team, out)` fills out from the same beginning, once with each Team.
template <class Work>
void expect_same(const Values& before, const Work& work) {
  Values together = before, alone = before;
  run_team([&](const ThreadTeam& team) { work(team, together.data()); });
  work(CpuTeam{}, alone.data());
  expect_near(together, alone);
}

const volatile std::int64_t size = 50;  // so that GCC does not guess at which lane a row of 50 ends
const std::int64_t n = size;

TEST(RowTeams, rms_norm) {
  const Values x = some(n, 1), w = some(n, 2), dy = some(n, 3), addend = some(n, 4);
  expect_same(addend, [&](const auto& team, double* y) { rms_norm_row(team, x.data(), w.data(), y, n, 1e-6); });
  expect_same(addend, [&](const auto& team, double* dx) {  // in the place of the addend
    rms_norm_row_input_gradient<double>(team, x.data(), w.data(), dy.data(), dx, dx, n, 1e-6);
  });
  expect_same(addend, [&](const auto& team, double* dw) {
    for (int row = 0; row < 3; ++row) rms_norm_row_weight_gradient<double>(team, x.data(), dy.data(), dw, n, 1e-6);
  });
}

TEST(RowTeams, rope_in_place) {
  const Values rotation = some(n, 1);
  expect_same(some(n, 2),
              [&](const auto& team, double* q) { rope_row<double>(team, q, q, q, rotation.data(), n / 2, -1); });
}

TEST(RowTeams, kv_latent) {
  const LatentShape shape{n, 4, 1e-6};
  const Values in = some(n + 8, 1), w = some(n, 2), rotation = some(8, 3), dkey = some(8, 4);
  expect_same(some(n + 8, 5), [&](const auto& team, double* out) {
    kv_latent_row<double>(team, shape, in.data(), w.data(), rotation.data(), out, out + n);
  });
  expect_same(some(n + 8, 5), [&](const auto& team, double* din) {
    kv_latent_row_input_gradient<double>(team, shape, in.data(), w.data(), rotation.data(), in.data(), dkey.data(), din,
                                         din);
  });
}

TEST(RowTeams, sums_of_any_number_of_rows) {
  const Values rows = some(5 * n, 1);
  for (const std::int64_t count : {0, 1, 2, 3, 5})
    expect_same(some(n, 2), [&](const auto& team, double* out) {
      sum_rows(
          team, count, [&](std::int64_t r) { return rows.data() + r * n; }, out, n);
      accumulate_row(team, rows.data(), out, n);
    });
}

// Two pieces, the second with the larger scores, so that the first is weighed again.
TEST(RowTeams, softmax) {
  Values scores = some(2 * n, 1);
  scores.back() = 9;
  const Values sums = some(n, 2);
  expect_same(Values(3 * n + 2), [&](const auto& team, double* out) {
    SoftmaxSoFar<double> so_far;
    softmax_row_piece<double>(team, scores.data(), 0.5, so_far, out, n);
    const double factor = softmax_row_piece<double>(team, scores.data() + n, 0.5, so_far, out + n, n);
    const double lse = softmax_row_end<double>(team, sums.data(), so_far, out + 2 * n, n);
    team.once([=] { out[3 * n] = factor, out[3 * n + 1] = lse; });
  });
  expect_same(Values(2 * n), [&](const auto& team, double* out) {
    const double dot = dot_row(team, sums.data(), scores.data(), n);
    softmax_row_input_gradient<double>(team, scores.data(), sums.data(), 0.5, 3.0, dot, out, out + n, n);
  });
  expect_same(Values(n), [&](const auto& team, double* out) {
    cross_entropy_row_gradient<double>(team, sums.data(), log_sum_exp_row(team, sums.data(), n), 7, 0.5, out, n);
  });
}

TEST(RowTeams, swiglu) {
  const Values in = some(2 * n, 1), dout = some(n, 2);
  expect_same(some(n, 3),
              [&](const auto& team, double* out) { swiglu_row<double>(team, in.data(), in.data() + n, 0.7, out, n); });
  expect_same(some(2 * n + 1, 3), [&](const auto& team, double* out) {
    const double of_factor = swiglu_row_input_gradient<double>(team, in.data(), 0.7, dout.data(), out, out, n);
    team.once([=] { out[2 * n] = of_factor; });
  });
}

struct Choice {
  Values gates = Values(5), scores = Values(48), scratch = Values(48 + 6);
  std::vector<std::int32_t> indices = std::vector<std::int32_t>(5);
};

// Ties everywhere, so that every choice is by index; then nothing but NaNs, whose indices stay valid.
TEST(RowTeams, router) {
  const RouterShape shape{48, 5, 6, 2, 2.5};
  const std::vector<float> bias(48, 0.1f);
  const auto route = [&](const auto& team, const Values& logits, Choice& made) {
    router_row(team, shape, logits.data(), bias.data(), {made.scratch.data(), made.scratch.data() + 48},
               made.gates.data(), made.indices.data(), made.scores.data());
  };
  for (const Values& logits : {some(48, 1), Values(48, 0.5), Values(48, std::nan(""))}) {
    Choice together, alone;
    run_team([&](const ThreadTeam& team) { route(team, logits, together); });
    route(CpuTeam{}, logits, alone);
    EXPECT_EQ(together.indices, alone.indices);
    if (std::isnan(logits[0])) continue;
    expect_near(together.gates, alone.gates);
    expect_near(together.scores, alone.scores);
  }
}

TEST(RowTeams, router_gradient) {
  const RouterShape shape{48, 4, 1, 1, 2.5};
  const std::vector<std::int32_t> indices = {40, 3, 17, 9};
  const Values dgates = some(4, 1), scores(48, 0.3);
  for (const bool adds : {false, true})
    expect_same(some(48, 2), [&](const auto& team, double* dlogits) {
      router_row_input_gradient<double>(team, shape, dgates.data(), indices.data(), scores.data(),
                                        adds ? dlogits : nullptr, dlogits);
    });
}

TEST(RowTeams, adamw) {
  const auto c = adamw_coefficients<double>({1e-2, 0.9, 0.95, 1e-8, 0.1, 0.25, 2});
  const Values gradient = some(n, 1);
  expect_same(Values(4 * n, 0.5), [&](const auto& team, double* state) {
    adamw_row(team, c, state, gradient.data(), state + n, state + 2 * n, state + 3 * n, n);
  });
}

TEST(RowTeams, average_of_weights) {
  const Values values = some(n, 1);
  expect_same(some(n, 2),
              [&](const auto& team, double* average) { average_row(team, 0.1, values.data(), average, n); });
}

}  // namespace
}  // namespace dsrun::test
