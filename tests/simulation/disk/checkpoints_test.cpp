// R-1 on a disk that is full, refuses, lies and loses its power, whatever operation that happens at.
#include <gtest/gtest.h>

#include "runtime/state/checkpoint/checkpoint.hpp"
#include "tests/simulation/disk/checkpoints.hpp"
#include "tests/simulation/disk/fiber.hpp"

namespace dsrun::test {
namespace {

constexpr std::uint64_t num_checkpoint_seeds = 3000;

TEST(FailingDisk, R1_a_committed_one_loads_and_a_torn_one_is_never_offered) {
  for (std::uint64_t seed = 0; seed < num_checkpoint_seeds; ++seed)
    ASSERT_EQ(check_checkpoints(seed), "") << "seed " << seed;
}

TEST(FailingDisk, the_same_seed_does_the_same) {
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    EXPECT_EQ(check_checkpoints(seed, CheckpointMistake::leaves_folders_unsynced),
              check_checkpoints(seed, CheckpointMistake::leaves_folders_unsynced));
}

bool caught(CheckpointMistake mistake) {
  for (std::uint64_t seed = 0; seed < num_checkpoint_seeds; ++seed)
    if (!check_checkpoints(seed, mistake).empty()) return true;
  return false;
}

TEST(Simulation, catches_a_checkpoint_whose_folders_are_not_synced) {
  EXPECT_TRUE(caught(CheckpointMistake::leaves_folders_unsynced));
}
TEST(Simulation, catches_a_checkpoint_whose_files_are_not_synced) {
  EXPECT_TRUE(caught(CheckpointMistake::leaves_files_unsynced));
}
TEST(Simulation, catches_shards_that_are_written_under_an_old_manifest) {
  EXPECT_TRUE(caught(CheckpointMistake::writes_under_a_manifest));
}
TEST(Simulation, catches_a_cleanup_that_takes_unreadable_for_torn) {
  EXPECT_TRUE(caught(CheckpointMistake::removes_unread));
}

// A step is written again. Rank 0 has removed its manifest but not synced the folder when rank 1 finds none, writes,
// and the power fails: the manifest may be back, and rank 1's shard must not be a new one under it.
TEST(FailingDisk, R1_no_rank_trusts_another_to_have_synced) {
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    SimDisk disk(seed);
    disk.make_folder("run");
    float value = 1;
    const auto write = [&](int rank) {
      return write_shard("run", 5, rank, {{{"a", "f32", rank, rank + 1}, &value, sizeof value}}, disk);
    };
    const Manifest manifest{5, "{}", "{}", {write(0), write(1)}};
    commit_checkpoint("run", manifest, 2, disk);
    disk.before_each = [] { Fiber::pause(); };
    Fiber first([&] { write(0); });
    for (int operation = 0; operation < 3; ++operation) first.resume();  // makes the folder, removes, is about to sync
    do value += 1;
    while (write(1).num_bytes != manifest.shards[1].num_bytes);
    disk.lose_power();
    const std::optional<Manifest> offered = find_latest_checkpoint("run", disk);
    if (!offered) continue;
    const ShardReader reader("run", 5, offered->shards[1], disk);
    float loaded = 0;
    reader.read(0, &loaded, sizeof loaded);
    EXPECT_EQ(loaded, 1);
  }
}

}  // namespace
}  // namespace dsrun::test
