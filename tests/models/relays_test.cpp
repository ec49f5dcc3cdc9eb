// The second hop of transfers in step lists: where relays stand, and in whose turn.
#include <gtest/gtest.h>

#include "models/op_table.hpp"
#include "models/passes/relays.hpp"
#include "tests/models/played_lists.hpp"

namespace dsrun {
namespace {

StepList without_relays(StepList list) {
  std::erase_if(list, [](const OpStep& step) { return step.part == Part::relay; });
  return list;
}

std::vector<const StepList*> transferring_lists(const StageSteps& stage) {
  return {&stage.forward, &stage.forward_only, &stage.backward, &stage.backward_input};
}

std::size_t place_of(const StepList& list, const OpStep& of, Part part) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const OpStep& step) {
    return step.node == of.node && step.pass == of.pass && step.part == part;
  });
  return static_cast<std::size_t>(found - list.begin());
}

std::size_t computing(const StepList& list, std::size_t from, std::size_t to) {
  return static_cast<std::size_t>(std::count_if(list.begin() + static_cast<std::ptrdiff_t>(from),
                                                list.begin() + static_cast<std::ptrdiff_t>(to),
                                                [](const OpStep& step) { return step.part == Part::whole; }));
}

template <class Check>
void for_two_hop_stages(Check check) {
  for (const bool recomputes : {false, true}) {
    const RecomputeSpec recompute{.full = recomputes};
    test::for_random_stages(
        recompute, [&](const StageSteps& direct) { check(derive_steps(direct.graph, recompute, true), direct); });
  }
}

TEST(Relays, are_all_that_two_hops_add) {
  for_two_hop_stages([](const StageSteps& stage, const StageSteps& direct) {
    const auto lists = transferring_lists(stage), before = transferring_lists(direct);
    for (std::size_t l = 0; l < lists.size(); ++l)
      EXPECT_EQ(to_string(stage, without_relays(*lists[l])), to_string(direct, *before[l]));
    EXPECT_EQ(to_string(stage, stage.backward_weight), to_string(direct, direct.backward_weight));
  });
}

TEST(Relays, stand_in_the_middle_of_what_fills_a_transfers_flight) {
  std::size_t filled = 0;
  for_two_hop_stages([&](const StageSteps& stage, const StageSteps&) {
    for (const StepList* list : transferring_lists(stage))
      for (std::size_t start = 0; start < list->size(); ++start) {
        const OpStep& step = (*list)[start];
        if (step.part != Part::start) continue;
        const std::size_t relay = place_of(*list, step, Part::relay), finish = place_of(*list, step, Part::finish);
        ASSERT_TRUE(start < relay && relay < finish && finish < list->size()) << to_string(stage, *list);
        const std::size_t all = computing(*list, start, finish), first = computing(*list, start, relay);
        EXPECT_EQ(first, (all + 1) / 2) << to_string(stage, *list);
        filled += all > 1;
      }
  });
  EXPECT_GT(filled, 100U);
}

// What a relay of dispatch passes on, the relay of exchange_counts has been told.
TEST(Relays, of_dispatch_follow_those_of_their_counts) {
  for_two_hop_stages([](const StageSteps& stage, const StageSteps&) {
    for (std::size_t s = 0; s < stage.forward.size(); ++s) {
      const OpStep& step = stage.forward[s];
      if (step.part != Part::relay || stage.graph.nodes[static_cast<std::size_t>(step.node)].op != Op::dispatch)
        continue;
      ASSERT_GT(s, 0U);
      const OpStep& before = stage.forward[s - 1];
      EXPECT_EQ(before.part, Part::relay);
      EXPECT_EQ(stage.graph.nodes[static_cast<std::size_t>(before.node)].op, Op::exchange_counts);
    }
  });
}

// A layer's transfers in turn: each list's dispatch (with its counts) and combine start, and are relayed while the
// other list's are under way.
TEST(Relays, take_turns_as_starts_do) {
  test::for_random_stages({}, [](const StageSteps& direct) {
    const StageSteps stage = derive_steps(direct.graph, {}, true);
    const StepList* lists[2] = {&stage.forward, &stage.backward};
    std::size_t next[2] = {0, 0};
    std::string sent;
    for (const std::uint8_t now : interleave(stage.forward, stage.backward)) {
      const OpStep& step = (*lists[now])[next[now]++];
      if (step.part == Part::start) sent += now == 0 ? 'F' : 'B';
      if (step.part == Part::relay) sent += now == 0 ? 'f' : 'b';
    }
    std::string expected;
    for (std::size_t layer = 0; layer < stage.graph.moe_layers.size(); ++layer) expected += "BFFbffBFbf";
    EXPECT_EQ(sent, expected);
  });
}

}  // namespace
}  // namespace dsrun
