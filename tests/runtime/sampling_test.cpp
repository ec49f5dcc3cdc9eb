// Sampling: frequencies follow the softmax, top-p cuts the tail, one seed gives one text.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "runtime/sampling.hpp"

namespace dsrun {
namespace {

constexpr std::array<float, 4> logits = {1.0F, 3.0F, -2.0F, 2.0F};

std::array<double, 4> frequencies(const Sampling& sampling) {
  constexpr int draws = 40000;
  std::array<double, 4> found{};
  for (std::uint64_t n = 0; n < draws; ++n)
    found[static_cast<std::size_t>(sample_token(logits, sampling, n))] += 1.0 / draws;
  return found;
}

TEST(Sampling, frequencies_are_the_softmax_at_the_temperature) {
  for (const double temperature : {0.5, 1.0, 3.0}) {
    double total = 0;
    for (const float logit : logits) total += std::exp(logit / temperature);
    const auto found = frequencies({temperature, 1, 7});
    for (std::size_t i = 0; i < logits.size(); ++i)
      EXPECT_NEAR(found[i], std::exp(logits[i] / temperature) / total, 0.01) << temperature << " " << i;
  }
}

TEST(Sampling, top_p_keeps_the_smallest_set_with_so_much_probability) {
  const auto two = frequencies({1, 0.8, 7});  // 0.66 and 0.24: the second crosses 0.8
  EXPECT_EQ(two[0], 0);
  EXPECT_EQ(two[2], 0);
  EXPECT_NEAR(two[1], std::exp(3.0) / (std::exp(3.0) + std::exp(2.0)), 0.01);
  EXPECT_EQ(frequencies({1, 0, 7})[1], 1.0 * frequencies({0, 1, 7})[1]);
}

TEST(Sampling, temperature_zero_takes_the_likeliest_and_of_equals_the_lowest) {
  EXPECT_EQ(sample_token(logits, {0, 1, 1}, 5), 1);
  EXPECT_EQ(sample_token(std::array{2.0F, 5.0F, 5.0F}, {0, 1, 1}, 5), 1);
}

TEST(Sampling, one_seed_gives_one_sequence_and_another_another) {
  int same = 0;
  for (std::uint64_t n = 0; n < 200; ++n) {
    EXPECT_EQ(sample_token(logits, {1, 1, 3}, n), sample_token(logits, {1, 1, 3}, n));
    same += sample_token(logits, {1, 1, 3}, n) == sample_token(logits, {1, 1, 4}, n);
  }
  EXPECT_LT(same, 180);
}

}  // namespace
}  // namespace dsrun
