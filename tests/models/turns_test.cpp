#include <gtest/gtest.h>

#include "models/passes/turns.hpp"

namespace dsrun {
namespace {

StepList steps(const std::vector<Part>& parts) {
  StepList list;
  for (const Part part : parts) {
    list.emplace_back();
    list.back().part = part;
  }
  return list;
}

TEST(Turns, a_list_that_ran_ahead_passes_over_as_many_turns) {
  Turns turns({0, 1, 1, 0, 1}, true);
  EXPECT_EQ(turns.due(), 0);
  turns.ran_ahead(1);
  EXPECT_EQ(turns.due(), 0);  // still
  turns.ran_ahead(1);
  turns.took_turn();
  EXPECT_EQ(turns.due(), 0);  // both of list 1's have run
  turns.took_turn();
  EXPECT_EQ(turns.due(), 1);
}

TEST(Turns, without_overlap_one_list_follows_the_other) {
  const StepList list = steps({Part::start, Part::finish});
  Turns turns = Turns::of(list, list, false);
  EXPECT_FALSE(turns.may_run_ahead());
  for (const int due : {0, 0, 1, 1}) {
    EXPECT_EQ(turns.due(), due);
    turns.took_turn();
  }
}

}  // namespace
}  // namespace dsrun
