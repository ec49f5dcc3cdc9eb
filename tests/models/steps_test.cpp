// Step lists of random models and slices: values are read while they live, and memory is given back exactly once.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "models/op_table.hpp"
#include "models/steps.hpp"
#include "tests/models/random_model.hpp"

namespace dsrun {
namespace {

using Lists = std::vector<const StepList*>;

template <class Check>
void for_random_stages(Check check) {
  test::Random random(11);
  for (int trial = 0; trial < 60; ++trial) {
    ModelSpec spec = test::random_model(random);
    spec.mtp_depth = trial % 3;
    const Graph model = build_graph(spec);
    std::vector<int> bounds = test::random_cuts(random, spec.layers);
    bounds.back() += spec.mtp_depth;
    for (std::size_t s = 0; s + 1 < bounds.size(); ++s) {
      SCOPED_TRACE(testing::Message() << "trial " << trial << " layers " << bounds[s] << " to " << bounds[s + 1]);
      check(derive_steps(slice_graph(model, bounds[s], bounds[s + 1])));
    }
  }
}

// Plays lists as an executor would and notes whatever does not add up.
class Player {
 public:
  explicit Player(const StageSteps& stage) : stage_(stage) {}

  void play(const Lists& lists) {
    arrive(stage_.graph.input);
    for (const StepList* list : lists) {
      if (list == &stage_.backward || list == &stage_.backward_input) arrive(stage_.output_gradient);
      for (const Step& step : *list) play(step);
    }
    for (const ValueId id : {stage_.graph.output, stage_.input_gradient})
      if (id != no_value && (id != stage_.input_gradient || lists.size() > 1)) give_back(id, "at the end");
    for (const ValueId id : live_) note(id, "was never given back");
  }
  const std::vector<std::string>& faults() const { return faults_; }
  const std::set<ValueId>& made() const { return made_; }

 private:
  void note(ValueId id, const char* what) {
    faults_.push_back(stage_.values[static_cast<std::size_t>(id)].name + " " + what);
  }
  void arrive(ValueId id) {
    if (id != no_value) make(id);
  }
  void make(ValueId id) {
    if (!made_.insert(id).second) note(id, "was made twice");
    live_.insert(id);
  }
  void give_back(ValueId id, const char* what) {
    if (live_.erase(id) == 0) note(id, what);
  }

  void play(const Step& step) {
    for (const ValueId id : values_read(stage_, step))
      if (live_.count(id) == 0) note(id, "is read while not there");
    std::vector<ValueId> begun = step.allocates;
    for (const ValueId id : step.allocates) make(id);
    for (const TakeOver& move : step.takes_over) {
      give_back(move.from, "is taken over while not there");
      const Value& from = stage_.values[static_cast<std::size_t>(move.from)];
      const Value& to = stage_.values[static_cast<std::size_t>(move.to)];
      if (from.rows != to.rows || from.cols != to.cols || from.element != to.element) note(move.to, "does not fit");
      make(move.to);
      begun.push_back(move.to);
    }
    std::vector<ValueId> expected = values_made(stage_, step);
    std::sort(begun.begin(), begun.end());
    std::sort(expected.begin(), expected.end());
    if (begun != expected) faults_.push_back("a step's memory is not of the values that it makes");
    for (const ValueId id : step.releases) give_back(id, "is released while not there");
  }

  const StageSteps& stage_;
  std::set<ValueId> made_, live_;
  std::vector<std::string> faults_;
};

TEST(Lifetimes, end_once_and_after_the_last_reader) {
  for_random_stages([](const StageSteps& stage) {
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
    for (const Step& step : list) num += step.releases.size() + step.takes_over.size();
    return num;
  };
  EXPECT_GT(freed(stage.forward_only), freed(stage.forward));
}

using Key = std::tuple<int, Pass, Part>;

std::multiset<Key> keys(const StepList& list) {
  std::multiset<Key> all;
  for (const Step& step : list) all.insert({step.node, step.pass, step.part});
  return all;
}

TEST(Steps, every_node_runs_forward_once_and_each_parameter_gets_one_gradient) {
  for_random_stages([](const StageSteps& stage) {
    std::multiset<Key> forward, weight;
    for (int n = 0; n < static_cast<int>(stage.graph.nodes.size()); ++n) {
      const Node& node = stage.graph.nodes[static_cast<std::size_t>(n)];
      if (op_row(node.op).communicates) {
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
  for_random_stages([](const StageSteps& stage) {
    for (const StepList* list : {&stage.forward, &stage.backward, &stage.backward_input, &stage.forward_only}) {
      std::set<std::pair<int, Pass>> started;
      for (const Step& step : *list) {
        if (step.part == Part::start) {
          EXPECT_TRUE(started.insert({step.node, step.pass}).second);
        }
        if (step.part == Part::finish) {
          EXPECT_EQ(started.erase({step.node, step.pass}), 1u);
        }
      }
      EXPECT_TRUE(started.empty());
    }
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
    for (const Step& step : *list) {
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
  for_random_stages([](const StageSteps& stage) {
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
      Step step;
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
