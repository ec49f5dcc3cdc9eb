// The text form with placement reads back as the same Program, and every slip is told with its place.
#include "runtime/schedule/program_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

using testing::HasSubstr;

TEST(ProgramFile, reads_back_every_schedule) {
  for (const ScheduleRow& row : schedules()) {
    Program program = row.build({4, 24});
    std::vector<TextFault> faults;
    const auto read = read_program(write_program(program), faults);
    ASSERT_TRUE(read) << row.name << ": " << faults[0].message;
    program.schedule = "file";
    EXPECT_EQ(read->program, program) << row.name;
  }
}

TEST(ProgramFile, is_written_a_line_a_rank) {
  EXPECT_EQ(write_program(find_schedule("dualpipe")->build({2, 4})),
            "# dualpipe: 2 pipeline ranks, 2 stages, 4 microbatches a step\n"
            "rank 0 stages 0 1<: F0.0 F1.0 F0.1 B1.0 F1.1&B0.0 B1.1 I0.1 W0.1\n"
            "rank 1 stages 0< 1: F0.0 F1.0 F0.1 B1.0 F1.1&B0.0 B1.1 I0.1 W0.1\n");
}

TEST(ProgramFile, takes_comments_blank_lines_and_lines_that_go_on) {
  std::vector<TextFault> faults;
  const auto read = read_program(
      "# mine\n\n"
      "rank 0 stages 0:  # first the forwards\r\n"
      "  F0.0 F0.1\n"
      "\n"
      "\tB0.0  # and then\n"
      " # nothing\n"
      "  B0.1",
      faults);
  ASSERT_TRUE(read) << faults[0].message;
  EXPECT_EQ(to_string(read->program), "rank 0: F0.0 F0.1 B0.0 B0.1\n");
  EXPECT_EQ(read->program.num_stages, 1);
  EXPECT_EQ(read->program.num_microbatches, 2);
  EXPECT_TRUE(check_program(read->program).empty());
}

struct Slip {
  const char* text;
  int line;
  int column;
  const char* message;  // a part of it
};

TEST(ProgramFile, names_the_place_of_each_slip) {
  for (const Slip& slip : std::vector<Slip>{
           {"", 1, 1, "no line \"rank 0"},
           {"# only\n", 1, 1, "no line \"rank 0"},
           {"  F0.0\n", 1, 3, "none is above it"},
           {"rank 1 stages 0: F0.0 B0.0\n", 1, 1, "expected \"rank 0 stages"},
           {"rank 0 stages 0: F0.0 B0.0\nrank 2 stages 1: F0.0\n", 2, 1, "expected \"rank 1 stages"},
           {"rank 0: F0.0 B0.0\n", 1, 1, "expected \"rank 0 stages"},
           {"rank 0 stages : F0.0\n", 1, 15, "rank 0 has no stages"},
           {"rank 0 stages 0 F0.0 B0.0\n", 1, 17, "rank 0: \"F0.0\" is no stage"},
           {"rank 0 stages 0\n", 1, 16, "a colon is missing"},
           {"rank 0 stages -1: F0.0\n", 1, 15, "\"-1\" is no stage"},
           {"rank 0 stages <: F0.0\n", 1, 15, "\"<\" is no stage"},
           {"rank 0 stages 99999999999: F0.0\n", 1, 15, "is no stage"},
           {"rank 0 stages 0: F0.0\n  X0.0 B0.0\n", 2, 3, "rank 0, instruction 1: \"X0.0\" is none"},
           {"rank 0 stages 0: F0.0 B0.0 F0.7\n", 1, 28, "rank 0, instruction 2 (F0.7): the rank has only 3"}}) {
    std::vector<TextFault> faults;
    EXPECT_FALSE(read_program(slip.text, faults)) << slip.text;
    ASSERT_EQ(faults.size(), 1U) << slip.text;
    EXPECT_EQ(faults[0].at.line, slip.line) << slip.text;
    EXPECT_EQ(faults[0].at.column, slip.column) << slip.text;
    EXPECT_THAT(faults[0].message, HasSubstr(slip.message)) << slip.text;
  }
}

TEST(ProgramFile, S1_a_fault_of_the_checker_has_its_place) {
  std::vector<TextFault> faults;
  const auto read = read_program("rank 0 stages 0: F0.0 B0.0\n  F0.1\n  B0.1 F0.0\n", faults);
  ASSERT_TRUE(read);
  const std::vector<ProgramFault> found = check_program(read->program);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].message, HasSubstr("rank 0, instruction 4 (F0.0): a second forward"));
  EXPECT_EQ(read->place_of(found[0]).line, 3);
  EXPECT_EQ(read->place_of(found[0]).column, 8);
  const TextPlace end = read->place_of({0, 5, "something is missing at the end"});
  EXPECT_EQ(end.line, 3);
  EXPECT_EQ(read->place_of({-1, -1, "the whole"}).line, 1);
}

TEST(ProgramFile, S1_a_stage_that_is_not_there_or_is_there_twice_is_refused) {
  for (const char* text : {"rank 0 stages 1: F0.0 B0.0\n", "rank 0 stages 0 0: F0.0 B0.0 F1.0 B1.0\n",
                           "rank 0 stages 0<: F0.0 B0.0\n", "rank 0 stages 0 1<: F0.0 B0.0 F1.0 B1.0\n"}) {
    std::vector<TextFault> faults;
    const auto read = read_program(text, faults);
    ASSERT_TRUE(read) << text;
    EXPECT_FALSE(check_program(read->program).empty()) << text;
  }
}

}  // namespace
}  // namespace dsrun
