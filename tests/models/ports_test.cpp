// Boundaries that several values cross: which ones, in which order, and what becomes of them and their gradients.
#include <gtest/gtest.h>

#include "tests/models/known_models.hpp"
#include "tests/models/played_lists.hpp"

namespace dsrun {
namespace {

std::string names_of(const std::vector<Value>& values, const std::vector<ValueId>& ids) {
  std::string text;
  for (const ValueId id : ids) text += values[static_cast<std::size_t>(id)].name + " ";
  return text;
}

TEST(Ports, of_a_cut_inside_a_layer_are_all_that_cross_it_in_one_order) {
  const Graph model = test::cut_before_attention(build_graph(test::small_model()), 2);
  const Graph first = slice_graph(model, 0, 1), second = slice_graph(model, 1, 2);
  EXPECT_EQ(names_of(first.values, first.ports_out), "0.after_mlp 1.q 1.k_rope 1.kv ");
  EXPECT_EQ(names_of(second.values, second.ports_in), "0.after_mlp 1.q 1.k_rope 1.kv ");
  const StageSteps before = derive_steps(first), after = derive_steps(second);
  EXPECT_EQ(names_of(before.values, before.output_gradients), "d(0.after_mlp) d(1.q) d(1.k_rope) d(1.kv) ");
  EXPECT_EQ(after.input_gradients.size(), 4u);
}

// The gradient of the residual stream passes through the addition: the deferred weight gradient still reads what
// leaves.
TEST(Ports, a_gradient_that_weights_read_later_leaves_as_a_copy) {
  const Graph model = test::cut_behind_mlp_norm(build_graph(test::small_model()), 2);
  const StageSteps stage = derive_steps(slice_graph(model, 1, 2));
  ASSERT_EQ(stage.backward_ports.leave.size(), 2u);
  EXPECT_EQ(stage.values[static_cast<std::size_t>(stage.input_gradients[0])].name, "d(1.after_mlp)");
  EXPECT_TRUE(stage.backward_input_ports.leave[0].stays);
  EXPECT_FALSE(stage.backward_ports.leave[0].stays);
}

TEST(Ports, a_stage_passes_on_what_only_later_ones_read) {
  ModelSpec spec = test::small_model();
  spec.layers = 4;
  const Graph model = test::with_embedding_at_the_end(build_graph(spec));
  const StageSteps middle = derive_steps(slice_graph(model, 1, 3));
  EXPECT_EQ(names_of(middle.values, middle.graph.ports_in), "0.embedding 0.after_mlp ");
  EXPECT_EQ(names_of(middle.values, middle.graph.ports_out), "0.embedding 2.after_mlp ");
  EXPECT_EQ(middle.output_gradients[0], middle.input_gradients[0]) << "its gradient goes on as it came";
}

std::string faults_of(const StageSteps& stage) {
  std::string all;
  for (const test::Lists& lists :
       {test::Lists{&stage.forward, &stage.backward},
        test::Lists{&stage.forward, &stage.backward_input, &stage.backward_weight}, test::Lists{&stage.forward_only}}) {
    test::Player player(stage);
    player.play(lists);
    for (const std::string& fault : player.faults()) all += fault + "\n";
  }
  return all;
}

TEST(Ports, every_value_of_several_ports_is_there_while_needed_and_given_back_once) {
  const auto check = [](const StageSteps& stage) { EXPECT_EQ(faults_of(stage), ""); };
  for (const bool full : {false, true}) {
    const RecomputeSpec recompute{.full = full};
    test::for_random_stages(recompute, check, [](const Graph& model, const ModelSpec& spec) {
      return test::cut_behind_mlp_norm(model, spec.layers);
    });
    test::for_random_stages(recompute, check, [](const Graph& model, const ModelSpec& spec) {
      return test::cut_before_attention(model, spec.layers);
    });
    test::for_random_stages(
        recompute, check, [](const Graph& model, const ModelSpec&) { return test::with_embedding_at_the_end(model); });
  }
}

}  // namespace
}  // namespace dsrun
