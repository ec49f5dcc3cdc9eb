#include "actors/core/watch/clock_comparison.hpp"

#include <gtest/gtest.h>

namespace dsrun::test {
namespace {

TEST(ClockComparison, believes_the_shortest_round_trip) {
  ClockComparison clock;
  EXPECT_EQ(clock.error_ns(), -1);
  clock.add(1000, 501'300, 1400);  // the way there took 100 of 400
  EXPECT_EQ(clock.ahead_ns(), 500'100);
  EXPECT_EQ(clock.error_ns(), 200);
  clock.add(2000, 502'020, 2040);
  EXPECT_EQ(clock.ahead_ns(), 500'000);
  EXPECT_EQ(clock.error_ns(), 20);
  clock.add(3000, 503'900, 4000);
  EXPECT_EQ(clock.ahead_ns(), 500'000);
  EXPECT_EQ(clock.num_answers(), 3);
}

TEST(ClockComparison, tells_a_clock_that_is_behind) {
  ClockComparison clock;
  clock.add(9'000'000'000, 1'000'000'005, 9'000'000'010);
  EXPECT_EQ(clock.ahead_ns(), -8'000'000'000);
}

}  // namespace
}  // namespace dsrun::test
