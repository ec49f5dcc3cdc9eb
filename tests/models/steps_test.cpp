// Step lists of random models and slices: values are read while they live, and memory is given back exactly once.
#include <gtest/gtest.h>

#include <set>

#include "models/op_table.hpp"
#include "models/passes/steps.hpp"
#include "tests/models/played_lists.hpp"

namespace dsrun {
namespace {

using test::for_random_stages;
using test::Lists;
using test::Player;

TEST(Lifetimes, end_once_and_after_the_last_reader) {
  for_random_stages({}, [](const StageSteps& stage) {
    for (const Lists& lists :
         {Lists{&stage.forward, &stage.backward}, Lists{&stage.forward, &stage.backward_input, &stage.backward_weight},
          Lists{&stage.forward_only}}) {
      Player player(stage);
      player.play(lists);
      EXPECT_EQ(player.faults(), std::vector<std::string>{}) << lists.size() << " lists";
      // Every value of the graph comes to be, and with a backward every gradient.
      const std::size_t num_values = lists.size() == 1 ? stage.graph.values.size() : stage.values.size();
      EXPECT_EQ(player.made().size(), num_values) << lists.size() << " lists";
    }
  });
}

TEST(Lifetimes, without_backward_end_sooner) {
  test::Random random(5);
  ModelSpec spec = test::random_model(random);
  spec.layers = 2;
  spec.dense_layers = 1;
  const StageSteps stage = derive_steps(build_graph(spec));
  const auto freed = [](const StepList& list) {
    std::size_t num = 0;
    for (const OpStep& step : list) num += step.releases.size() + step.takes_over.size();
    return num;
  };
  EXPECT_GT(freed(stage.forward_only), freed(stage.forward));
}

using Key = std::tuple<int, Pass, Part>;

std::multiset<Key> keys(const StepList& list) {
  std::multiset<Key> all;
  for (const OpStep& step : list) all.insert({step.node, step.pass, step.part});
  return all;
}

TEST(Steps, every_node_runs_forward_once_and_each_parameter_gets_one_gradient) {
  for_random_stages({}, [](const StageSteps& stage) {
    std::multiset<Key> forward, weight;
    for (int n = 0; n < static_cast<int>(stage.graph.nodes.size()); ++n) {
      const OpNode& node = stage.graph.nodes[static_cast<std::size_t>(n)];
      if (op_row(node.op).communicates()) {
        forward.insert({n, Pass::forward, Part::start});
        forward.insert({n, Pass::forward, Part::finish});
      } else {
        forward.insert({n, Pass::forward, Part::whole});
      }
      if (!node.params.empty()) weight.insert({n, Pass::backward_weight, Part::whole});
    }
    EXPECT_EQ(keys(stage.forward), forward);
    EXPECT_EQ(keys(stage.forward_only), forward);
    EXPECT_EQ(keys(stage.backward_weight), weight);
    std::multiset<Key> both = keys(stage.backward_input);
    both.insert(weight.begin(), weight.end());
    EXPECT_EQ(keys(stage.backward), both);
  });
}

// S-1: what peers send and await comes in one order on all ranks, so no start follows its finish.
TEST(Steps, S1_transfers_start_before_they_finish) {
  for_random_stages({}, [](const StageSteps& stage) {
    for (const StepList* list : {&stage.forward, &stage.backward, &stage.backward_input, &stage.forward_only})
      test::expect_paired_transfers(*list);
  });
}

TEST(Steps, compute_fills_the_flight_of_dispatch) {
  test::Random random(6);
  ModelSpec spec = test::random_model(random);
  spec.layers = 1;
  spec.dense_layers = 0;
  spec.shared_experts = 1;
  const StageSteps stage = derive_steps(build_graph(spec));
  for (const StepList* list : {&stage.forward, &stage.backward}) {
    int in_flight = 0, filled = 0;
    for (const OpStep& step : *list) {
      const Op op = stage.graph.nodes[static_cast<std::size_t>(step.node)].op;
      if (op != Op::exchange_counts && step.part == Part::start) ++in_flight;
      if (op != Op::exchange_counts && step.part == Part::finish) --in_flight;
      if (step.part == Part::whole && in_flight > 0) ++filled;
    }
    EXPECT_GE(filled, 3) << to_string(stage, *list);
  }
}

// Starts of the two lists in the order in which they are interleaved.
std::vector<std::uint8_t> starts_of(const StepList& forward, const StepList& backward) {
  const StepList* lists[2] = {&forward, &backward};
  std::size_t next[2] = {0, 0};
  std::vector<std::uint8_t> starts;
  for (const std::uint8_t now : interleave(forward, backward))
    if ((*lists[now])[next[now]++].part == Part::start) starts.push_back(now);
  return starts;
}

TEST(Interleave, keeps_both_orders_and_takes_transfers_in_turn) {
  for_random_stages({}, [](const StageSteps& stage) {
    const auto turns = interleave(stage.forward, stage.backward);
    const auto of_backward = static_cast<std::size_t>(std::count(turns.begin(), turns.end(), 1));
    EXPECT_EQ(of_backward, stage.backward.size());
    EXPECT_EQ(turns.size(), stage.forward.size() + stage.backward.size());
    // A layer's dispatch, with its counts, and combine are two turns; so are their gradients.
    std::vector<std::uint8_t> expected;
    for (std::size_t layer = 0; layer < stage.graph.moe_layers.size(); ++layer)
      expected.insert(expected.end(), {1, 0, 0, 1, 0});
    EXPECT_EQ(starts_of(stage.forward, stage.backward), expected);
  });
}

TEST(Interleave, takes_turns_by_the_letter) {
  const auto list = [](const char* parts) {
    StepList steps;
    for (; *parts != 0; ++parts) {
      OpStep step;
      step.part = *parts == 's' ? Part::start : *parts == 'f' ? Part::finish : Part::whole;
      steps.push_back(step);
    }
    return steps;
  };
  using Turns = std::vector<std::uint8_t>;
  EXPECT_EQ(interleave(list("csfc"), list("csfcc")), (Turns{1, 1, 0, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(interleave(list("csfsf"), list("sfcsf")), (Turns{1, 0, 0, 0, 0, 1, 1, 1, 0, 1}));
  EXPECT_EQ(interleave(list("cc"), list("sfsf")), (Turns{1, 1, 1, 0, 0, 1}));
  EXPECT_EQ(interleave(list(""), list("csf")), (Turns{1, 1, 1}));
  EXPECT_EQ(interleave(list("csf"), list("")), (Turns{0, 0, 0}));
}

}  // namespace
}  // namespace dsrun
