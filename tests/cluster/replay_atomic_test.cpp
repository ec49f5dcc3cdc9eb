// The replay agrees with the published bubbles: DualPipe's formula and measured table, 1F1B's share of idle time.
#include "cluster/forecast/replay_atomic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

struct Row {
  int num_ranks;
  int num_microbatches;
  UnitCosts costs;
  double makespan;
  double worst_idle;
};

TEST(Replay, dualpipe_equals_the_oracle_table) {
  for (const Row& row : {Row{8, 20, {1, 2, 1, 3}, 66, 6}, Row{8, 20, {1, 2, 1, 2.5}, 59, 4.5},
                         Row{16, 40, {1, 2, 1, 3}, 134, 14}, Row{8, 20, {1, 2.2, 0.9, 2.6}, 62.8, 5.4}}) {
    const ReplayResult result =
        replay(find_schedule("dualpipe")->build({row.num_ranks, row.num_microbatches}), row.costs);
    EXPECT_NEAR(result.makespan, row.makespan, 1e-9);
    EXPECT_NEAR(*std::max_element(result.idle.begin(), result.idle.end()), row.worst_idle, 1e-9);
  }
}

TEST(Replay, dualpipev_equals_dualpipe_on_twice_the_ranks) {
  for (const UnitCosts& costs : {UnitCosts{1, 2, 1, 3}, UnitCosts{1, 2, 1, 2.5}, UnitCosts{1, 2.2, 0.9, 2.6}}) {
    for (int num_ranks : {4, 8}) {
      const ReplayResult half = replay(find_schedule("dualpipev")->build({num_ranks, 5 * num_ranks / 2}), costs);
      ReplayResult whole = replay(find_schedule("dualpipe")->build({2 * num_ranks, 5 * num_ranks}), costs);
      whole.idle.resize(half.idle.size());  // the other half mirrors it
      EXPECT_NEAR(half.makespan, whole.makespan, 1e-9);
      EXPECT_THAT(half.idle, testing::Pointwise(testing::DoubleNear(1e-9), whole.idle));
    }
  }
}

TEST(Replay, dualpipe_idles_as_each_rank_should) {
  const Program program = find_schedule("dualpipe")->build({8, 20});
  EXPECT_THAT(replay(program, {1, 2, 1, 3}).idle, testing::Each(testing::DoubleNear(6, 1e-9)));
  // Ranks nearer the ends interleave fewer pairs, so they are busier: 9, 10, 11 and 11 pairs from rank 0 on.
  EXPECT_THAT(replay(program, {1, 2, 1, 2.5}).idle,
              testing::Pointwise(testing::DoubleNear(1e-9), {3.5, 4.0, 4.5, 4.5, 4.5, 4.5, 4.0, 3.5}));
}

TEST(Replay, share_of_idle_time) {
  const UnitCosts costs{1, 2, 1, 3};
  const auto share = [&](std::string_view schedule) {
    const ReplayResult result = replay(find_schedule(schedule)->build({8, 20}), costs);
    return 100 * result.idle.front() / result.makespan;
  };
  EXPECT_NEAR(share("1f1b"), 25.9, 0.05);
  EXPECT_NEAR(share("zb1p"), 10.4, 0.05);
  EXPECT_NEAR(share("dualpipe"), 9.1, 0.05);
  EXPECT_NEAR(share("gpipe"), 25.9, 0.05);
}

TEST(Replay, one_f_one_b_has_the_bubble_of_its_formula) {
  for (int num_ranks : {1, 2, 5, 8}) {
    for (int num_microbatches : {1, 3, 20}) {
      const auto [makespan, idle] = replay(find_schedule("1f1b")->build({num_ranks, num_microbatches}), {1, 2.5, 1, 0});
      EXPECT_NEAR(makespan, (num_microbatches + num_ranks - 1) * 3.5, 1e-9) << num_ranks << " " << num_microbatches;
      EXPECT_THAT(idle, testing::Each(testing::DoubleNear((num_ranks - 1) * 3.5, 1e-9)));
    }
  }
}

TEST(Replay, gpipe_has_the_bubble_of_its_formula) {
  for (int num_ranks : {1, 2, 5, 8}) {
    const ReplayResult result = replay(find_schedule("gpipe")->build({num_ranks, 12}), {1, 2.5, 1, 0});
    EXPECT_THAT(result.idle, testing::Each(testing::DoubleNear((num_ranks - 1) * 3.5, 1e-9))) << num_ranks;
  }
}

TEST(Replay, zb1p_has_the_bubble_of_its_formula) {
  for (int num_ranks : {1, 2, 5, 8}) {
    for (int num_microbatches : {2 * num_ranks, 20}) {
      const ReplayResult result = replay(find_schedule("zb1p")->build({num_ranks, num_microbatches}), {1, 2, 1, 0});
      EXPECT_NEAR(*std::max_element(result.idle.begin(), result.idle.end()), num_ranks - 1, 1e-9) << num_ranks;
    }
  }
}

TEST(Replay, interleaved_has_the_bubble_of_one_of_its_stages) {
  for (int num_ranks : {1, 2, 4, 8}) {
    for (int stages_per_rank : {2, 3, 4}) {
      for (int groups : {1, 2, 3}) {
        const ScheduleShape shape{num_ranks, groups * num_ranks, stages_per_rank};
        const ReplayResult result = replay(find_schedule("interleaved")->build(shape), {1, 2, 1, 0});
        EXPECT_THAT(result.idle, testing::Each(testing::DoubleNear((num_ranks - 1) * 3.0, 1e-9)))
            << num_ranks << " " << stages_per_rank << " " << groups;
      }
    }
  }
}

}  // namespace
}  // namespace dsrun
