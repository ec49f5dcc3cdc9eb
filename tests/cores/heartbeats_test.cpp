#include "actors/core/watch/heartbeats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dsrun::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t generation = 3;

// Asks every `step` seconds from `begin` to `end`; the answers together.
std::vector<int> silent_between(Heartbeats& beats, double begin, double end, double step = 0.25) {
  std::vector<int> all;
  for (double now = begin; now <= end; now += step)
    for (int who : beats.take_silent(now)) all.push_back(who);
  return all;
}

TEST(Heartbeats, tells_once_who_was_silent_for_longer_than_the_limit) {
  Heartbeats beats(generation, 2.0);
  beats.watch(0, 0);
  beats.watch(1, 0);
  EXPECT_THAT(silent_between(beats, 0, 1.5), IsEmpty());
  beats.heard(generation, 1, 1.5);
  EXPECT_THAT(silent_between(beats, 1.75, 3.25), ElementsAre(0));
  beats.heard(generation, 1, 3.25);
  EXPECT_THAT(silent_between(beats, 3.5, 5.0), IsEmpty());
  EXPECT_THAT(silent_between(beats, 5.25, 9.0), ElementsAre(1));
}

TEST(Heartbeats, an_older_generation_counts_for_nothing) {
  Heartbeats beats(generation, 2.0);
  beats.watch(0, 0);
  for (double now = 0; now < 3; now += 0.25) beats.heard(generation - 1, 0, now);
  EXPECT_THAT(silent_between(beats, 0, 2.5), ElementsAre(0));
}

TEST(Heartbeats, who_is_not_watched_or_has_left_is_not_missed) {
  Heartbeats beats(generation, 2.0);
  beats.heard(generation, 7, 0);
  beats.watch(0, 0);
  beats.forget(0);
  EXPECT_THAT(silent_between(beats, 0, 9), IsEmpty());
}

TEST(Heartbeats, an_asker_who_was_away_himself_blames_nobody) {
  Heartbeats beats(generation, 2.0);
  beats.watch(0, 0);
  EXPECT_THAT(beats.take_silent(0.5), IsEmpty());
  EXPECT_THAT(beats.take_silent(60), IsEmpty());
  EXPECT_THAT(silent_between(beats, 60.25, 63), ElementsAre(0));
}

}  // namespace
}  // namespace dsrun::test
