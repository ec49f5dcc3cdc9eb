// What the plan sizes memory and buffers by, against the published figures and a brute-force count.
#include "runtime/schedule/footprint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/schedule/schedule.hpp"
#include "tests/schedule/reference.hpp"

namespace dsrun {
namespace {

TEST(Footprint, dualpipe_holds_one_microbatch_more_than_it_has_ranks) {
  for (int num_ranks : {2, 4, 8, 16}) {
    for (const RankProgram& rank : find_schedule("dualpipe")->build({num_ranks, 3 * num_ranks}).ranks) {
      EXPECT_EQ(peak_live_forwards(rank), num_ranks + 1);
    }
  }
}

TEST(Footprint, one_f_one_b_holds_one_microbatch_per_stage_from_here_on) {
  const Program program = find_schedule("1f1b")->build({4, 10});
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(peak_live_forwards(program.ranks[rank]), 4 - rank);
  EXPECT_EQ(peak_live_forwards(find_schedule("1f1b")->build({4, 2}).ranks[0]), 2);
}

TEST(Footprint, no_program_holds_more_than_its_row_states_and_each_reaches_it) {
  for (const ScheduleRow& row : schedules()) {
    const ScheduleShape shape{4, 24};
    const Program program = row.build(shape);
    for (int rank = 0; rank < 4; ++rank) {
      const LiveBound bound = row.live_bound(shape, rank);
      EXPECT_EQ(peak_live_forwards(program.ranks[rank]), bound.forwards) << row.name << " " << rank;
      EXPECT_EQ(peak_deferred_weights(program.ranks[rank]), bound.deferred) << row.name << " " << rank;
    }
  }
}

TEST(Footprint, zb1p_holds_no_more_than_the_first_rank_of_1f1b) {
  for (const RankProgram& rank : find_schedule("zb1p")->build({8, 20}).ranks) {
    int live = 0, peak = 0;  // forwarded, weight gradient not done
    for (const Instruction& each : rank.instructions) {
      peak = std::max(peak, live += each.first.kind == Kind::forward);
      live -= each.first.kind == Kind::weight;
    }
    EXPECT_EQ(peak, 8);
  }
}

TEST(Footprint, deferred_weights) {
  EXPECT_EQ(peak_deferred_weights(find_schedule("1f1b")->build({4, 10}).ranks[0]), 0);
  const Program program = find_schedule("dualpipe")->build({8, 20});
  for (int rank = 0; rank < 8; ++rank) {
    EXPECT_EQ(peak_deferred_weights(program.ranks[rank]), std::min(rank, 7 - rank) + 1) << rank;
  }
}

std::map<std::pair<int, int>, int> as_map(const std::vector<LinkCredit>& credits) {
  std::map<std::pair<int, int>, int> map;
  for (const LinkCredit& credit : credits) map[{credit.from, credit.to}] = credit.num_messages;
  return map;
}

TEST(Footprint, credits_are_the_most_in_flight_of_any_execution) {
  const ScheduleRow& plain = *find_schedule("1f1b");
  const ScheduleRow& dualpipe = *find_schedule("dualpipe");
  for (const Program& program :
       {plain.build({1, 3}), plain.build({2, 5}), plain.build({3, 6}), plain.build({4, 4}), dualpipe.build({2, 4}),
        dualpipe.build({2, 8}), dualpipe.build({4, 8}), find_schedule("gpipe")->build({3, 4}),
        find_schedule("zb1p")->build({3, 5}), find_schedule("interleaved")->build({2, 4}),
        find_schedule("interleaved")->build({1, 3}), find_schedule("dualpipev")->build({1, 3}),
        find_schedule("dualpipev")->build({2, 4}), find_schedule("dualpipev")->build({3, 6})}) {
    EXPECT_EQ(as_map(link_credits(program)), reference::most_in_flight(program)) << to_string(program);
  }
  const Program validation = forward_only(dualpipe.build({4, 8}), 3);
  EXPECT_EQ(as_map(link_credits(validation)), reference::most_in_flight(validation));
}

TEST(Footprint, credits_do_not_grow_with_the_microbatches) {
  for (const ScheduleRow& row : schedules()) {
    if (row.name == "gpipe") continue;  // whose warm-up is the whole step
    EXPECT_EQ(as_map(link_credits(row.build({8, 24}))), as_map(link_credits(row.build({8, 96})))) << row.name;
  }
}

TEST(Footprint, credits_of_one_f_one_b) {
  EXPECT_EQ(link_credits(find_schedule("1f1b")->build({1, 4})), std::vector<LinkCredit>{});
  // Rank 0 runs two forwards ahead; rank 1 answers both before rank 0 needs to have taken the first gradient.
  const std::vector<LinkCredit> credits = link_credits(find_schedule("1f1b")->build({2, 8}));
  EXPECT_EQ(credits, (std::vector<LinkCredit>{{0, 1, 2}, {1, 0, 2}}));
}

}  // namespace
}  // namespace dsrun
