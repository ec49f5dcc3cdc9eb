// RoPE's angles with and without YaRN, at DeepSeek-V3's published sizes (arXiv 2412.19437, section 4.3).
#include <gtest/gtest.h>

#include <cmath>

#include "models/rope.hpp"

namespace dsrun {
namespace {

const YarnSpec published_yarn{40, 4096, 32, 1, 1, 1};

TEST(Rope, without_yarn_pair_i_turns_by_theta_to_the_minus_i_over_pairs) {
  const auto frequencies = rope_frequencies(32, 1e4, {});
  ASSERT_EQ(frequencies.size(), 32U);
  EXPECT_DOUBLE_EQ(frequencies[0], 1);
  EXPECT_NEAR(frequencies[16], 0.01, 1e-15);
  EXPECT_EQ(rope_magnitude({}), 1);
}

TEST(Rope, yarn_keeps_fast_pairs_divides_slow_ones_and_mixes_from_10_to_23) {
  const auto plain = rope_frequencies(32, 1e4, {}), stretched = rope_frequencies(32, 1e4, published_yarn);
  for (std::size_t i = 0; i <= 10; ++i) EXPECT_DOUBLE_EQ(stretched[i], plain[i]) << i;
  for (std::size_t i = 23; i < 32; ++i) EXPECT_DOUBLE_EQ(stretched[i], plain[i] / 40) << i;
  for (std::size_t i = 11; i < 23; ++i) {
    const double divided = static_cast<double>(i - 10) / 13;
    EXPECT_NEAR(stretched[i], plain[i] * (1 - divided + divided / 40), 1e-15) << i;
  }
}

// Where the ramp lies beyond the columns: values of transformers 5.24.
TEST(Rope, yarn_divides_all_or_none_where_its_ramp_lies_outside) {
  const auto plain = rope_frequencies(32, 1e4, {}), short_one = rope_frequencies(32, 1e4, {40, 4, 32, 1, 1, 1});
  const auto turning = rope_frequencies(32, 1.5, {}), long_one = rope_frequencies(32, 1.5, {40, 1e9, 32, 1, 1, 1});
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_DOUBLE_EQ(short_one[i], plain[i]) << i;
    EXPECT_DOUBLE_EQ(long_one[i], turning[i] / 40) << i;
  }
}

TEST(Rope, equal_mscales_leave_the_magnitude_alone_and_scale_the_logits) {
  EXPECT_DOUBLE_EQ(rope_magnitude(published_yarn), 1);
  YarnSpec unset = published_yarn;
  unset.mscale = 0;
  EXPECT_NEAR(rope_magnitude(unset), 1 + 0.1 * std::log(40.0), 1e-15);
  ModelSpec model;
  model.nope_dim = 128;
  model.rope_dim = 64;
  EXPECT_NEAR(attention_scale(model), 0.07217, 5e-6);
  model.yarn = published_yarn;
  EXPECT_NEAR(attention_scale(model), 0.13523, 5e-6);
}

}  // namespace
}  // namespace dsrun
