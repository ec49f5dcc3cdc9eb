// A whole job in a world that fails, thousands of times. DSRUN_SIMULATE="FIRST_SEED NUM_SEEDS" chooses seeds for
// Simulation.keeps_the_promises_where_asked, as ./dev simulate does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <sstream>

#include "tests/simulation/promises.hpp"

namespace dsrun::test {
namespace {

// Prints how to repeat what failed; gives up after some.
void check_seeds(std::uint64_t first, std::uint64_t count) {
  int num_broken = 0;
  for (std::uint64_t seed = first; seed < first + count && num_broken < 5; ++seed) {
    const Verdict verdict = check_job(seed);
    EXPECT_EQ(verdict.broken, "") << "again: ./dev simulate 1 " << seed;
    num_broken += verdict.broken.empty() ? 0 : 1;
  }
}

constexpr std::uint64_t seeds_a_case = 100;

class Seeds : public testing::TestWithParam<std::uint64_t> {};
TEST_P(Seeds, keep_the_promises) { check_seeds(GetParam() * seeds_a_case, seeds_a_case); }
INSTANTIATE_TEST_SUITE_P(Simulation, Seeds, testing::Range<std::uint64_t>(0, 6));

// Seeds that have broken a promise: a disk that hangs for ever while a checkpoint is committed kept the launcher.
TEST(Simulation, keeps_the_promises_that_it_has_broken) {
  for (const std::uint64_t seed : {2738, 10329, 100338}) check_seeds(seed, 1);
}

TEST(Simulation, keeps_the_promises_where_asked) {
  std::uint64_t first = 1'000'000, count = 10;
  if (const char* asked = std::getenv("DSRUN_SIMULATE")) std::istringstream(asked) >> first >> count;
  check_seeds(first, count);
}

TEST(Simulation, the_same_seed_does_the_same) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Verdict once = check_job(seed), again = check_job(seed);
    EXPECT_EQ(once.trace, again.trace) << seed;
    EXPECT_EQ(once.starts, again.starts) << seed;
  }
}

// The promise that the first of some seeds to notice sees broken.
std::string caught_as(JobMistake mistake, CheckpointMistake disk_mistake = CheckpointMistake::none) {
  for (std::uint64_t seed = 0; seed < 500; ++seed)
    if (const Verdict verdict = check_job(seed, mistake, disk_mistake); !verdict.broken.empty()) {
      const std::size_t begin = verdict.broken.find(": ") + 2;
      return verdict.broken.substr(begin, verdict.broken.find(':', begin) - begin);
    }
  return "not at all";
}

TEST(Simulation, catches_a_wait_without_end) { EXPECT_EQ(caught_as(JobMistake::waits_without_end), "ends"); }
TEST(Simulation, catches_an_agent_that_misses_no_device) { EXPECT_EQ(caught_as(JobMistake::misses_no_device), "ends"); }
TEST(Simulation, catches_a_device_that_outlives_its_agent) {
  EXPECT_EQ(caught_as(JobMistake::outlives_its_agent), "ends");
}
TEST(Simulation, catches_who_blames_the_first_to_complain) {
  EXPECT_EQ(caught_as(JobMistake::blames_the_first), "guilty");
}
TEST(Simulation, catches_a_flipped_bit_of_a_tensor) { EXPECT_EQ(caught_as(JobMistake::alters_tensors), "same"); }
TEST(Simulation, catches_a_tensor_of_a_dead_generation) {
  EXPECT_NE(caught_as(JobMistake::hears_dead_tensors), "not at all");
}
TEST(Simulation, catches_a_beat_of_a_dead_generation) { EXPECT_EQ(caught_as(JobMistake::hears_dead_beats), "ends"); }
TEST(Simulation, catches_a_job_whose_checkpoints_are_not_synced) {
  EXPECT_EQ(caught_as(JobMistake::none, CheckpointMistake::leaves_folders_unsynced), "whole");
}

}  // namespace
}  // namespace dsrun::test
