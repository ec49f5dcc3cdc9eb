// The text form reads back as the same value, and says where a malformed line goes wrong.
#include <gtest/gtest.h>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

TEST(Text, reads_back_what_it_writes) {
  for (const ScheduleRow& row : schedules()) {
    for (const RankProgram& rank : row.build({4, 24}).ranks) {
      const std::string line = to_string(rank, 0);
      std::string error;
      EXPECT_EQ(parse_instructions(line.substr(line.find(':') + 1), error), rank.instructions) << error;
    }
  }
}

TEST(Text, reads_each_kind) {
  std::string error;
  const auto read = parse_instructions("F0.12&B1.1  I255.0\tW0.2", error);
  ASSERT_TRUE(read) << error;
  EXPECT_EQ(*read, (std::vector<Instruction>{{{Kind::forward, 0, 12}, Half{Kind::backward, 1, 1}},
                                             {{Kind::backward_input, 255, 0}, std::nullopt},
                                             {{Kind::weight, 0, 2}, std::nullopt}}));
  EXPECT_EQ(parse_instructions("", error), std::vector<Instruction>{});
}

TEST(Text, prints_one_line_a_rank) {
  EXPECT_EQ(to_string(find_schedule("1f1b")->build({2, 1})), "rank 0: F0.0 B0.0\nrank 1: F0.0 B0.0\n");
}

TEST(Text, names_the_malformed_word) {
  for (std::string word : {"F",
                           "F0",
                           "F0.",
                           "F.0",
                           "X0.1",
                           "f0.1",
                           "F0.1x",
                           "F-1.0",
                           "F0.-1",
                           "F256.0",
                           "F0.99999999999",
                           "F0.1&",
                           "&B0.1",
                           "F0.1&B0",
                           "F0.1&B0.1&F0.2",
                           "F0.1,",
                           ".",
                           "&",
                           "F0..1",
                           "F+0.1"}) {
    std::string error;
    EXPECT_FALSE(parse_instructions("F0.0 " + word + " B0.0", error)) << word;
    EXPECT_NE(error.find("word 2, \"" + word + "\""), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace dsrun
