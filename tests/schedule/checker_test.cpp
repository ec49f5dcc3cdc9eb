// Each kind of fault, on a Program small enough to see it, with the message a person reads.
#include "runtime/schedule/checker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Instruction> instructions(const std::string& text) {
  std::string error;
  const auto read = parse_instructions(text, error);
  EXPECT_TRUE(read) << error;
  return read.value_or(std::vector<Instruction>{});
}

// A pipeline in one direction, one chunk a rank.
Program pipeline(int num_microbatches, const std::vector<std::string>& lines) {
  Program program{.schedule = "by hand",
                  .num_stages = static_cast<int>(lines.size()),
                  .num_directions = 1,
                  .num_microbatches = num_microbatches,
                  .ranks = {}};
  for (int rank = 0; rank < std::ssize(lines); ++rank) {
    program.ranks.push_back({{{rank, 0}}, instructions(lines[rank])});
  }
  return program;
}

std::vector<std::string> texts(const std::vector<ProgramFault>& faults) {
  std::vector<std::string> all;
  for (const ProgramFault& fault : faults) all.push_back(fault.message);
  return all;
}

std::vector<std::string> messages(const Program& program, bool forward_only = false) {
  return texts(check_program(program, forward_only));
}

TEST(Checker, S1_accepts_every_row_on_every_shape_it_takes) {
  std::map<std::string_view, int> num_programs;
  for (const ScheduleRow& row : schedules()) {
    for (int num_ranks : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16}) {
      for (int num_microbatches : {1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 21, 32, 40, 64}) {
        for (int stages_per_rank : {0, 2, 3, 5}) {
          const ScheduleShape shape{num_ranks, num_microbatches, stages_per_rank};
          if (row.fault(shape)) continue;
          const Program program = row.build(shape);
          SCOPED_TRACE(testing::Message()
                       << row.name << " " << num_ranks << " " << num_microbatches << " " << stages_per_rank);
          EXPECT_THAT(texts(check_schedule(row, shape, program)), IsEmpty());
          EXPECT_THAT(messages(forward_only(program, 3), true), IsEmpty());
          EXPECT_EQ(program.num_stages, row.num_stages(shape));
          ++num_programs[row.name];
        }
      }
    }
  }
  // One stage a rank: asked for none or not at all is the same; two: so do 0 and 2; interleaved takes all four.
  EXPECT_THAT(num_programs,
              testing::UnorderedElementsAre(testing::Pair("gpipe", 140), testing::Pair("1f1b", 140),
                                            testing::Pair("zb1p", 140), testing::Pair("interleaved", 4 * 49),
                                            testing::Pair("dualpipe", 2 * 36), testing::Pair("dualpipev", 2 * 72)));
}

TEST(Checker, S1_a_program_that_holds_more_than_its_schedule_states_is_refused) {
  const ScheduleRow& plain = *find_schedule("1f1b");
  EXPECT_THAT(texts(check_schedule(plain, {2, 8}, find_schedule("gpipe")->build({2, 8}))),
              ElementsAre("rank 0 holds 8 live forwards at once, but 1f1b states at most 2",
                          "rank 1 holds 8 live forwards at once, but 1f1b states at most 1"));
  EXPECT_THAT(texts(check_schedule(plain, {2, 8}, find_schedule("zb1p")->build({2, 8}))),
              ElementsAre("rank 0 holds 1 deferred weight gradients at once, but 1f1b states at most 0",
                          "rank 1 holds 2 deferred weight gradients at once, but 1f1b states at most 0"));
}

TEST(Checker, S1_shapes_that_dualpipe_refuses_would_not_run) {
  // The builder's steps with one pair of microbatches too few do not make a Program: its constraint is not a whim.
  const ScheduleRow& dualpipe = *find_schedule("dualpipe");
  ASSERT_TRUE(dualpipe.fault({4, 6}));
  EXPECT_THAT(messages(dualpipe.build({4, 4})), testing::Not(IsEmpty()));
}

TEST(Checker, S1_incomplete) {
  EXPECT_THAT(messages(pipeline(2, {"F0.0 B0.0 F0.1"})),
              ElementsAre("rank 0, instruction 3 (the end): B0.1 is missing"));
  EXPECT_THAT(messages(pipeline(1, {"F0.0 B0.0 F0.0"})), ElementsAre("rank 0, instruction 2 (F0.0): a second forward"));
  EXPECT_THAT(messages(pipeline(1, {"F0.0 B0.0 I0.0 W0.0"})),
              ElementsAre("rank 0, instruction 2 (I0.0): a second backward"));
}

TEST(Checker, S1_names_what_does_not_exist) {
  EXPECT_THAT(messages(pipeline(1, {"F0.0 B0.0 F1.0 F0.1"})),
              ElementsAre("rank 0, instruction 2 (F1.0): the rank has no phase 1",
                          "rank 0, instruction 3 (F0.1): there is no microbatch 1 among 1"));
}

TEST(Checker, S1_backward_follows_its_forward) {
  EXPECT_THAT(messages(pipeline(1, {"B0.0 F0.0"})),
              ElementsAre("rank 0, instruction 0 (B0.0): a backward before its forward"));
}

TEST(Checker, S1_each_W_follows_its_I_in_the_order_of_the_FIFO) {
  EXPECT_THAT(messages(pipeline(2, {"F0.0 F0.1 I0.0 W0.0 I0.1 W0.1"})), IsEmpty());
  EXPECT_THAT(messages(pipeline(2, {"F0.0 F0.1 I0.0 I0.1 W0.1 W0.0"})),
              ElementsAre("rank 0, instruction 4 (W0.1): the head of the FIFO is I0.0"));
  EXPECT_THAT(messages(pipeline(1, {"F0.0 I0.0"})),
              ElementsAre("rank 0, instruction 1 (I0.0): its weight gradient never follows"));
  EXPECT_THAT(
      messages(pipeline(1, {"F0.0 B0.0 W0.0"})),
      ElementsAre("rank 0, instruction 2 (W0.0): a weight gradient without a deferred input gradient before it"));
}

TEST(Checker, S1_deadlock_names_who_waits_for_whom) {
  const std::vector<ProgramFault> faults = check_program(pipeline(2, {"F0.0 B0.0 F0.1 B0.1", "F0.0 F0.1 B0.0 B0.1"}));
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].rank, 0);
  EXPECT_EQ(faults[0].instruction, 1);
  EXPECT_EQ(faults[0].message,
            "rank 0, instruction 1 (B0.0): deadlock, waits for the gradient of microbatch 0 from direction 0, stage 1, "
            "while rank 1, instruction 1 (F0.1) cannot start");
  EXPECT_EQ(faults[1].rank, 1);
  EXPECT_EQ(faults[1].instruction, 1);
}

TEST(Checker, S1_only_a_forward_and_a_backward_of_another_phase_interleave) {
  const auto fault_of = [](const std::string& pair) {
    Program program = find_schedule("dualpipe")->build({2, 4});
    for (RankProgram& rank : program.ranks)
      rank.instructions = instructions("F0.0 F1.0 B1.0 F0.1 F1.1 " + pair + " B0.1");
    return messages(program);
  };
  EXPECT_THAT(fault_of("B1.1 B0.0"), IsEmpty());
  EXPECT_THAT(fault_of("B1.1&B0.0"), ElementsAre("rank 0, instruction 5 (B1.1&B0.0): only a forward and the full "
                                                 "backward of another phase can be interleaved",
                                                 testing::HasSubstr("rank 1, instruction 5 (B1.1&B0.0): only")));
  Program program = find_schedule("1f1b")->build({1, 2});
  program.ranks[0].instructions = instructions("F0.0 F0.1&B0.0 B0.1");
  EXPECT_THAT(messages(program), ElementsAre(testing::HasSubstr("of another phase")));
}

TEST(Checker, S1_an_interleaved_pair_is_one_unit) {
  Program program = pipeline(2, {"F0.0 F1.0 F0.1 B1.0 F1.1&B0.0 B1.1 B0.1", "F0.0 F1.0 B1.0 F0.1 F1.1 B0.0 B1.1 B0.1"});
  program.num_stages = 4;
  program.ranks[0].chunks = {{0, 0}, {2, 0}};
  program.ranks[1].chunks = {{1, 0}, {3, 0}};
  // The peer makes this pair's gradient after it has this pair's activation: fine half by half, a circle as units.
  EXPECT_THAT(messages(program), ElementsAre(testing::HasSubstr("rank 0, instruction 4 (F1.1&B0.0): deadlock"),
                                             testing::HasSubstr("rank 1, instruction 4 (F1.1): deadlock")));
  program.ranks[0].instructions = instructions("F0.0 F1.0 F0.1 B1.0 F1.1 B0.0 B1.1 B0.1");
  EXPECT_THAT(messages(program), IsEmpty());
}

TEST(Checker, S1_every_direction_has_every_stage_once) {
  Program program = find_schedule("dualpipe")->build({2, 4});
  program.ranks[1].chunks[0] = {1, 1};
  EXPECT_THAT(messages(program), ElementsAre("direction 1, stage 0 is on 0 ranks, not on one",
                                             "direction 1, stage 1 is on 2 ranks, not on one"));
  program.ranks[1].chunks[0] = {0, 2};
  EXPECT_THAT(messages(program),
              testing::Contains("rank 1 holds direction 2, stage 0, which the program does not have"));
}

TEST(Checker, S1_sizes_are_positive_and_divide) {
  EXPECT_THAT(messages(Program{}), testing::SizeIs(3));
  Program program = find_schedule("dualpipe")->build({2, 4});
  program.num_microbatches = 5;
  EXPECT_THAT(messages(program), ElementsAre("the directions do not divide the microbatches"));
}

TEST(Checker, S1_forward_only_and_training_programs_are_not_confused) {
  const Program trained = find_schedule("1f1b")->build({2, 2});
  EXPECT_THAT(messages(trained, true), testing::Contains("rank 0, instruction 2 (B0.0): a forward-only program only "
                                                         "forwards"));
  EXPECT_THAT(messages(forward_only(trained, 2)),
              testing::Contains("rank 1, instruction 2 (the end): B0.1 is missing"));
}

}  // namespace
}  // namespace dsrun
