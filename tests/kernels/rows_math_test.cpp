// The arithmetic under the row kernels: exp, the team's reductions, rounding to bf16.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/math.hpp"

namespace dsrun::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(RowMath, exp_is_right_to_two_units_in_the_last_place) {
  double worst = 0;
  for (int i = -870'000; i <= 870'000; i += 7) {
    const float x = static_cast<float>(i) * 1e-4f;
    const double exact = std::exp(static_cast<double>(x));
    const double unit = std::ldexp(1.0, std::ilogb(exact) - 23);
    worst = std::max(worst, std::abs(static_cast<double>(fast_exp(x)) - exact) / unit);
  }
  EXPECT_LT(worst, 2);
  EXPECT_EQ(fast_exp(0.0f), 1.0f);
}

TEST(RowMath, exp_saturates_within_finite_numbers) {
  for (const float x : {87.5f, 1e4f, 3e38f, infinity}) {
    EXPECT_EQ(fast_exp(x), fast_exp(87.0f));
    EXPECT_EQ(fast_exp(-x), fast_exp(-87.0f));
  }
  EXPECT_TRUE(std::isnormal(fast_exp(87.0f)) && std::isnormal(fast_exp(-87.0f)));
  EXPECT_TRUE(std::isnan(fast_exp(std::nanf(""))));
}

TEST(RowMath, sigmoid_and_silu_at_their_ends) {
  EXPECT_EQ(sigmoid(0.0f), 0.5f);
  EXPECT_EQ(sigmoid(200.0f), 1.0f);
  EXPECT_NEAR(sigmoid(-200.0f), 0, 1e-37);
  EXPECT_EQ(silu<float>(1e30f), 1e30f);
  EXPECT_NEAR(silu<float>(-200.0f), 0, 1e-34);
  EXPECT_TRUE(std::isnan(sigmoid(std::nanf(""))) && std::isnan(silu<float>(std::nanf(""))));
}

TEST(RowMath, silu_for_bf16_is_right_to_a_small_part_of_its_rounding) {
  for (float x = -80; x < 80; x += 0.01f)
    EXPECT_NEAR(silu<Bf16>(x) / silu<double>(static_cast<double>(x)), 1, 1e-4) << x;
}

TEST(RowMath, team_visits_each_element_once_and_reduces_all) {
  for (const std::int64_t n : {0, 1, 15, 16, 31, 32, 33, 64, 1000}) {
    std::vector<int> visits(static_cast<std::size_t>(n));
    const double sum = CpuTeam{}.sum(n, [&](std::int64_t i) {
      ++visits[static_cast<std::size_t>(i)];
      return static_cast<double>(i + 1);
    });
    EXPECT_EQ(sum, static_cast<double>(n * (n + 1) / 2));
    CpuTeam{}.each(n, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
    EXPECT_EQ(visits, std::vector<int>(visits.size(), 2));
    for (std::int64_t top = 0; top < n; ++top) {  // wherever it stands
      EXPECT_EQ(CpuTeam{}.max(n, [&](std::int64_t i) { return i == top ? -1.0f : -2.0f; }), -1.0f);
      EXPECT_EQ(CpuTeam{}.first(n, [&](std::int64_t i) { return i >= top; }), top);
    }
    EXPECT_EQ(CpuTeam{}.first(n, [](std::int64_t) { return false; }), n);
  }
  EXPECT_EQ(CpuTeam{}.max(0, [](std::int64_t) { return 1.0f; }), -infinity);
  EXPECT_EQ(CpuTeam{}.max(40, [](std::int64_t i) { return i == 3 ? 1.0f : std::nanf(""); }), 1.0f);
}

// The nearest of the two bf16 neighbours, found by trying both; the even one when they are as near.
std::uint16_t rounded_by_trial(float value) {
  const auto low = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  const auto number = [](std::uint32_t bits) { return static_cast<double>(std::bit_cast<float>(bits << 16)); };
  const double below = std::abs(static_cast<double>(value) - number(low));
  const double above = std::abs(number(low + 1u) - static_cast<double>(value));
  if (below == above) return static_cast<std::uint16_t>(low % 2 == 0 ? low : low + 1);
  return static_cast<std::uint16_t>(below < above ? low : low + 1);
}

TEST(RowMath, bf16_rounds_to_nearest_even) {
  std::mt19937 engine(1);
  for (int i = 0; i < 100'000; ++i) {
    std::uint32_t raw = static_cast<std::uint32_t>(engine());
    if (i % 4 == 0) raw = (raw & 0xffff0000u) | 0x8000u;  // in the middle of two
    if ((raw & 0x7f800000u) >= 0x7f000000u) continue;     // neighbours that are not numbers
    const float value = std::bit_cast<float>(raw);
    ASSERT_EQ(Bf16(value).bits, rounded_by_trial(value)) << value;
  }
  EXPECT_EQ(static_cast<float>(Bf16(infinity)), infinity);
  EXPECT_EQ(static_cast<float>(Bf16(3.4e38f)), infinity);
  for (const std::uint32_t nan : {0x7fffffffu, 0xffffffffu, 0x7f800001u, 0x7fc00000u})
    EXPECT_TRUE(std::isnan(static_cast<float>(Bf16(std::bit_cast<float>(nan)))));
}

}  // namespace
}  // namespace dsrun::test
