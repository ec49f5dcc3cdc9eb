// Golden lines: the Programs exactly as people and papers write them, and the constraints of each row.
#include <gtest/gtest.h>

#include <string>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

std::string line(std::string_view schedule, const ScheduleShape& shape, int rank) {
  return to_string(find_schedule(schedule)->build(shape).ranks[rank], rank);
}

std::string line(std::string_view schedule, int num_ranks, int num_microbatches, int rank) {
  return line(schedule, {num_ranks, num_microbatches}, rank);
}

TEST(Goldens, gpipe) {
  EXPECT_EQ(line("gpipe", 2, 3, 0), "rank 0: F0.0 F0.1 F0.2 B0.0 B0.1 B0.2");
  EXPECT_EQ(line("gpipe", 2, 3, 1), "rank 1: F0.0 F0.1 F0.2 B0.0 B0.1 B0.2");
}

TEST(Goldens, one_f_one_b) {
  EXPECT_EQ(line("1f1b", 1, 2, 0), "rank 0: F0.0 B0.0 F0.1 B0.1");
  EXPECT_EQ(line("1f1b", 3, 4, 0), "rank 0: F0.0 F0.1 F0.2 B0.0 F0.3 B0.1 B0.2 B0.3");
  EXPECT_EQ(line("1f1b", 3, 4, 1), "rank 1: F0.0 F0.1 B0.0 F0.2 B0.1 F0.3 B0.2 B0.3");
  EXPECT_EQ(line("1f1b", 3, 4, 2), "rank 2: F0.0 B0.0 F0.1 B0.1 F0.2 B0.2 F0.3 B0.3");
  EXPECT_EQ(line("1f1b", 4, 2, 0), "rank 0: F0.0 F0.1 B0.0 B0.1");  // fewer microbatches than ranks
}

TEST(Goldens, interleaved) {
  EXPECT_EQ(line("interleaved", 2, 4, 0),
            "rank 0: F0.0 F0.1 F1.0 F1.1 F0.2 B1.0 F0.3 B1.1 F1.2 B0.0 F1.3 B0.1 B1.2 B1.3 B0.2 B0.3");
  EXPECT_EQ(line("interleaved", 2, 4, 1),
            "rank 1: F0.0 F0.1 F1.0 B1.0 F1.1 B1.1 F0.2 B0.0 F0.3 B0.1 F1.2 B1.2 F1.3 B1.3 B0.2 B0.3");
  EXPECT_EQ(line("interleaved", {2, 2, 3}, 1), "rank 1: F0.0 F0.1 F1.0 F1.1 F2.0 B2.0 F2.1 B2.1 B1.0 B1.1 B0.0 B0.1");
  EXPECT_EQ(line("interleaved", 1, 2, 0), "rank 0: F0.0 F1.0 B1.0 F0.1 B0.0 F1.1 B1.1 B0.1");
}

TEST(Goldens, interleaved_stages_of_a_rank_are_P_apart) {
  const Program program = find_schedule("interleaved")->build({4, 8, 3});
  EXPECT_EQ(program.ranks[1].chunks, (std::vector<Chunk>{{1, 0}, {5, 0}, {9, 0}}));
}

TEST(Goldens, zb1p) {
  EXPECT_EQ(line("zb1p", 3, 4, 0), "rank 0: F0.0 F0.1 F0.2 I0.0 W0.0 F0.3 I0.1 W0.1 I0.2 W0.2 I0.3 W0.3");
  EXPECT_EQ(line("zb1p", 3, 4, 1), "rank 1: F0.0 F0.1 I0.0 F0.2 I0.1 W0.0 F0.3 I0.2 W0.1 I0.3 W0.2 W0.3");
  EXPECT_EQ(line("zb1p", 3, 4, 2), "rank 2: F0.0 I0.0 F0.1 I0.1 F0.2 I0.2 W0.0 F0.3 I0.3 W0.1 W0.2 W0.3");
  EXPECT_EQ(line("zb1p", 3, 1, 2), "rank 2: F0.0 I0.0 W0.0");  // fewer microbatches than ranks
}

TEST(Goldens, dualpipev) {
  EXPECT_EQ(line("dualpipev", 2, 5, 1),
            "rank 1: F0.0 F1.0 F0.1 F1.1 F0.2 B1.0 F1.2&B0.0 F0.3&B1.1 F1.3&B0.1 F0.4&B1.2 F1.4&B0.2 B1.3 B0.3 I1.4 "
            "I0.4 W1.4 W0.4");
  EXPECT_EQ(line("dualpipev", 1, 2, 0), "rank 0: F0.0 F1.0 F0.1 B1.0 F1.1&B0.0 B1.1 I0.1 W0.1");
}

TEST(Goldens, dualpipev_turns_at_the_last_rank) {
  const Program program = find_schedule("dualpipev")->build({3, 6});
  EXPECT_EQ(program.ranks[0].chunks, (std::vector<Chunk>{{0, 0}, {5, 0}}));
  EXPECT_EQ(program.ranks[2].chunks, (std::vector<Chunk>{{2, 0}, {3, 0}}));
}

TEST(Goldens, dualpipev_is_half_of_dualpipe) {
  const Program whole = find_schedule("dualpipe")->build({8, 20});
  const Program half = find_schedule("dualpipev")->build({4, 10});
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(whole.ranks[rank].instructions, half.ranks[rank].instructions) << rank;
}

TEST(Goldens, dualpipe) {
  EXPECT_EQ(line("dualpipe", 4, 8, 0),
            "rank 0: F0.0 F0.1 F0.2 F1.0 I1.0 W1.0 F1.1 F0.3&B1.1 F1.2&B0.0 B1.2 F1.3&B0.1 B1.3 I0.2 W0.2 I0.3 W0.3");
  EXPECT_EQ(line("dualpipe", 4, 8, 1),
            "rank 1: F0.0 F1.0 F0.1 F1.1 F0.2 B1.0 F1.2&B0.0 F0.3&B1.1 F1.3&B0.1 B1.2 B0.2 I1.3 I0.3 W1.3 W0.3");
  EXPECT_EQ(line("dualpipe", 2, 4, 0), "rank 0: F0.0 F1.0 F0.1 B1.0 F1.1&B0.0 B1.1 I0.1 W0.1");
}

TEST(Goldens, dualpipe_halves_mirror_each_other) {
  const Program program = find_schedule("dualpipe")->build({8, 20});
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(program.ranks[rank].instructions, program.ranks[7 - rank].instructions) << rank;
  }
}

TEST(Goldens, dualpipe_phase_0_is_the_direction_that_enters_at_the_near_end) {
  const Program program = find_schedule("dualpipe")->build({4, 8});
  EXPECT_EQ(program.ranks[1].chunks, (std::vector<Chunk>{{1, 0}, {2, 1}}));
  EXPECT_EQ(program.ranks[3].chunks, (std::vector<Chunk>{{0, 1}, {3, 0}}));
  EXPECT_EQ(program.microbatches_per_direction(), 4);
}

TEST(Goldens, forward_only_keeps_the_placement) {
  const Program trained = find_schedule("dualpipe")->build({4, 8});
  const Program program = forward_only(trained, 2);
  EXPECT_EQ(to_string(program.ranks[3], 3), "rank 3: F0.0 F0.1 F1.0 F1.1");
  EXPECT_EQ(program.ranks[3].chunks, trained.ranks[3].chunks);
  EXPECT_EQ(program.num_microbatches, 4);
}

TEST(Goldens, forward_only_goes_in_groups_of_microbatches_through_stages_in_order) {
  Program trained = find_schedule("dualpipev")->build({2, 5});
  EXPECT_EQ(to_string(forward_only(trained, 5).ranks[0], 0),
            "rank 0: F0.0 F0.1 F1.0 F1.1 F0.2 F0.3 F1.2 F1.3 F0.4 F1.4");
  std::swap(trained.ranks[0].chunks[0], trained.ranks[0].chunks[1]);
  EXPECT_EQ(to_string(forward_only(trained, 2).ranks[0], 0), "rank 0: F1.0 F1.1 F0.0 F0.1");
}

TEST(Table, says_why_a_shape_cannot_be_scheduled) {
  const ScheduleRow& dualpipe = *find_schedule("dualpipe");
  EXPECT_EQ(dualpipe.fault({3, 8}), "dualpipe needs an even number of pipeline ranks, at least 2, not 3");
  EXPECT_EQ(dualpipe.fault({4, 6}),
            "dualpipe on 4 pipeline ranks needs an even number of microbatches, at least 8, not 6");
  EXPECT_TRUE(dualpipe.fault({4, 9}));
  EXPECT_FALSE(dualpipe.fault({4, 8}));
  EXPECT_TRUE(find_schedule("1f1b")->fault({1, 0}));
  EXPECT_TRUE(find_schedule("1f1b")->fault({0, 1}));
  EXPECT_FALSE(find_schedule("1f1b")->fault({1, 1}));
  EXPECT_EQ(find_schedule("interleaved")->fault({4, 6}),
            "interleaved on 4 pipeline ranks needs a multiple of 4 microbatches, not 6");
  EXPECT_EQ(find_schedule("dualpipev")->fault({4, 7}),
            "dualpipev on 4 pipeline ranks needs at least 8 microbatches, not 7");
  EXPECT_FALSE(find_schedule("dualpipev")->fault({1, 3}));
}

TEST(Table, says_how_many_stages_a_rank_may_hold) {
  EXPECT_EQ(find_schedule("1f1b")->fault({4, 8, 2}), "1f1b has 1 stage a rank, not 2");
  EXPECT_EQ(find_schedule("dualpipe")->fault({4, 8, 1}), "dualpipe has 2 stages a rank, not 1");
  EXPECT_FALSE(find_schedule("dualpipe")->fault({4, 8, 2}));
  EXPECT_EQ(find_schedule("interleaved")->fault({4, 8, 1}), "interleaved has from 2 to 256 stages a rank, not 1");
  EXPECT_TRUE(find_schedule("interleaved")->fault({4, 8, 257}));
  EXPECT_EQ(find_schedule("interleaved")->num_stages({4, 8}), 8);
  EXPECT_EQ(find_schedule("interleaved")->num_stages({4, 8, 3}), 12);
  EXPECT_EQ(find_schedule("dualpipe")->num_stages({4, 8}), 4);
  EXPECT_EQ(find_schedule("dualpipev")->num_stages({4, 8}), 8);
}

TEST(Table, finds_rows_by_name_only) {
  for (const ScheduleRow& row : schedules()) EXPECT_EQ(find_schedule(row.name), &row);
  EXPECT_EQ(find_schedule("gpipe2"), nullptr);
}

TEST(Table, rows_agree_with_the_programs_they_build) {
  for (const ScheduleRow& row : schedules()) {
    const Program program = row.build({4, 8});
    EXPECT_EQ(program.schedule, row.name);
    EXPECT_EQ(program.num_directions, row.num_directions);
    EXPECT_EQ(program.num_microbatches, 8);
    ASSERT_EQ(program.ranks.size(), 4u);
    for (const RankProgram& rank : program.ranks) EXPECT_EQ(std::ssize(rank.chunks), row.stages_per_rank);
  }
}

}  // namespace
}  // namespace dsrun
