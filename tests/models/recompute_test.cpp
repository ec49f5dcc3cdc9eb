// What the backward lists make again under each policy: nothing else changes, and nothing is made that nobody reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "models/op_table.hpp"
#include "models/passes/recompute.hpp"
#include "models/passes/steps.hpp"
#include "tests/models/known_models.hpp"
#include "tests/models/played_lists.hpp"

namespace dsrun {
namespace {

using test::Lists;

struct Policy {
  const char* name;
  RecomputeSpec spec;
};
constexpr RecomputeSpec full{.full = true};

std::vector<Policy> policies() {
  return {{"rms_norm", {.rms_norm = true}},
          {"mla_up", {.mla_up = true}},
          {"swiglu", {.swiglu = true}},
          {"all_three", {.rms_norm = true, .mla_up = true, .swiglu = true}},
          {"full", full}};
}

class Recompute : public testing::TestWithParam<Policy> {};
INSTANTIATE_TEST_SUITE_P(Policies, Recompute, testing::ValuesIn(policies()),
                         [](const auto& policy) { return std::string(policy.param.name); });

ModelSpec one_layer(bool moe) {
  ModelSpec model = test::small_model();
  model.layers = 1;
  model.dense_layers = moe ? 0 : 1;
  return model;
}

// A layer alone, without embedding and head.
StageSteps middle_layer(bool moe, const RecomputeSpec& recompute) {
  ModelSpec model = one_layer(moe);
  model.layers = 3;
  model.dense_layers = moe ? 1 : 2;
  return derive_steps(slice_graph(build_graph(model), 1, 2), recompute);
}

std::string names_of(const StageSteps& stage, const std::vector<bool>& values) {
  std::string text;
  for (std::size_t id = 0; id < values.size(); ++id)
    if (values[id]) text += (text.empty() ? "" : " ") + stage.values[id].name;
  return text;
}

StepList without_recompute(StepList list) {
  list.erase(std::remove_if(list.begin(), list.end(), [](const OpStep& step) { return step.pass == Pass::recompute; }),
             list.end());
  return list;
}

// Ops, operands and order, without memory.
std::string works(const StageSteps& stage, StepList list) {
  for (OpStep& step : list) step.allocates = step.releases = {}, step.takes_over = {};
  return to_string(stage, list);
}

TEST_P(Recompute, lists_add_up) {
  test::for_random_stages(GetParam().spec, [](const StageSteps& stage) {
    for (const Lists& lists :
         {Lists{&stage.forward, &stage.backward}, Lists{&stage.forward, &stage.backward_input, &stage.backward_weight},
          Lists{&stage.forward_only}}) {
      test::Player player(stage);
      player.play(lists);
      EXPECT_EQ(player.faults(), std::vector<std::string>{}) << lists.size() << " lists";
    }
  });
}

TEST_P(Recompute, leaves_all_other_steps_and_their_order_alone) {
  test::for_random_stages(GetParam().spec, [](const StageSteps& stage) {
    const StageSteps kept = derive_steps(stage.graph);
    EXPECT_EQ(to_string(stage, stage.forward_only), to_string(kept, kept.forward_only));
    EXPECT_EQ(works(stage, stage.forward), works(kept, kept.forward));
    for (StepList StageSteps::*list :
         {&StageSteps::backward, &StageSteps::backward_input, &StageSteps::backward_weight})
      EXPECT_EQ(works(stage, without_recompute(stage.*list)), works(kept, kept.*list));
  });
}

// Nothing is counted, routed or summed twice, and nothing is made in vain.
TEST_P(Recompute, makes_each_value_once_for_somebody_and_leaves_routing_and_loss_alone) {
  test::for_random_stages(GetParam().spec, [](const StageSteps& stage) {
    for (const Lists& lists : {Lists{&stage.backward}, Lists{&stage.backward_input, &stage.backward_weight}}) {
      std::map<ValueId, int> readers;
      for (const StepList* list : lists)
        for (const OpStep& step : *list) {
          for (const ValueId id : values_read(stage, step))
            if (readers.contains(id)) ++readers[id];
          if (step.pass != Pass::recompute || step.part == Part::start) continue;
          const Op op = stage.graph.nodes[static_cast<std::size_t>(step.node)].op;
          EXPECT_TRUE(op != Op::router && op != Op::exchange_counts && op != Op::combine && op != Op::head_loss);
          for (const ValueId id : values_made(stage, step)) EXPECT_TRUE(readers.emplace(id, 0).second);
        }
      for (const auto& [id, num_readers] : readers)
        EXPECT_GE(num_readers, 1) << stage.values[static_cast<std::size_t>(id)].name;
    }
  });
}

// The one forward list serves a whole backward and a split one.
TEST_P(Recompute, saves_the_same_values_for_a_split_backward) {
  test::for_random_stages(GetParam().spec, [](const StageSteps& stage) {
    StageSteps split = stage;
    split.backward = stage.backward_input;
    split.backward.insert(split.backward.end(), stage.backward_weight.begin(), stage.backward_weight.end());
    StageSteps merged = stage;
    merged.backward_input = stage.backward;
    merged.backward_weight.clear();
    EXPECT_EQ(saved_values(merged), saved_values(split));
    std::set<ValueId> released;
    for (const OpStep& step : stage.forward) released.insert(step.releases.begin(), step.releases.end());
    const std::vector<bool> saved = saved_values(stage);
    for (const ValueId id : released) EXPECT_FALSE(saved[static_cast<std::size_t>(id)]);
  });
}

TEST_P(Recompute, S1_transfers_start_before_they_finish) {
  test::for_random_stages(GetParam().spec, [](const StageSteps& stage) {
    for (const StepList* list : {&stage.backward, &stage.backward_input}) test::expect_paired_transfers(*list);
    for (const OpStep& step : stage.backward_weight) EXPECT_EQ(step.part, Part::whole);
  });
}

TEST(SavedValues, are_what_the_policies_leave) {
  const auto saved = [](bool moe, const RecomputeSpec& recompute) {
    const StageSteps stage = middle_layer(moe, recompute);
    return names_of(stage, saved_values(stage));
  };
  EXPECT_EQ(saved(true, {}),
            "0.after_mlp 1.attention_norm 1.q_latent 1.q_latent_norm 1.q 1.kv_latent_raw 1.kv_latent 1.k_rope 1.kv "
            "1.attention 1.attention.lse 1.after_attention 1.mlp_norm 1.gates 1.indices 1.scores 1.expert_rows "
            "1.row_gates 1.shared.gate_up 1.shared.hidden 1.expert.gate_up 1.expert.hidden");
  EXPECT_EQ(saved(true, {.rms_norm = true, .mla_up = true, .swiglu = true}),
            "0.after_mlp 1.q_latent 1.kv_latent_raw 1.attention 1.attention.lse 1.after_attention 1.gates 1.indices "
            "1.scores 1.expert_rows 1.row_gates 1.shared.gate_up 1.expert.gate_up");
  EXPECT_EQ(saved(true, full), "0.after_mlp 1.gates 1.indices 1.scores");
  EXPECT_EQ(saved(false, full), "0.after_mlp");
}

TEST(RecomputeLists, of_full_by_the_letter) {
  const StageSteps stage = middle_layer(true, full);
  EXPECT_EQ(to_string(stage, stage.backward), R"(combine.input_gradient start 1(d(1.after_mlp)) -> 
linear.input_gradient 1(d(1.after_mlp)) -> d(1.shared.hidden)
rms_norm.recompute 1(0.after_mlp) -> 1.attention_norm
linear.recompute 1(1.attention_norm) -> 1.q_latent
rms_norm.recompute 1(1.q_latent) -> 1.q_latent_norm
linear.recompute 1(1.q_latent_norm) -> 1.q_projected
rope.recompute 1(1.q_projected) -> 1.q  [1.q in place]
linear.recompute 1(1.attention_norm) -> 1.kv_latent_raw
kv_latent.recompute 1(1.kv_latent_raw) -> 1.kv_latent, 1.k_rope
linear.recompute 1(1.kv_latent) -> 1.kv
attention.recompute 1(1.q, 1.kv, 1.k_rope) -> 1.attention, 1.attention.lse
linear.recompute 1(1.attention) -> 1.attention_out
add.recompute 1(0.after_mlp, 1.attention_out) -> 1.after_attention  [1.after_attention in place]
rms_norm.recompute 1(1.after_attention) -> 1.mlp_norm
dispatch.recompute start 1(1.mlp_norm, 1.gates) -> 
linear.recompute 1(1.mlp_norm) -> 1.shared.gate_up
swiglu.input_gradient 1(1.shared.gate_up, d(1.shared.hidden)) -> d(1.shared.gate_up)  free d(1.shared.hidden)
linear.input_gradient 1(d(1.shared.gate_up)) -> d(1.mlp_norm)
swiglu.recompute 1(1.shared.gate_up) -> 1.shared.hidden  free 1.shared.gate_up
linear.weight_gradient 1(1.shared.hidden, d(1.after_mlp)) ->   free 1.shared.hidden
linear.weight_gradient 1(1.mlp_norm, d(1.shared.gate_up)) ->   free d(1.shared.gate_up)
combine.input_gradient finish 1() -> d(1.expert.out)
grouped_linear.input_gradient 1(d(1.expert.out)) -> d(1.expert.hidden)
dispatch.recompute finish 1() -> 1.expert_rows, 1.row_gates
grouped_linear.recompute 1(1.expert_rows) -> 1.expert.gate_up
gated_swiglu.input_gradient 1(1.expert.gate_up, 1.row_gates, d(1.expert.hidden)) -> d(1.expert.gate_up), d(1.row_gates)  free d(1.expert.hidden)
grouped_linear.input_gradient 1(d(1.expert.gate_up)) -> d(1.expert_rows)
dispatch.input_gradient start 1(d(1.expert_rows), d(1.row_gates)) ->   free d(1.expert_rows), d(1.row_gates)
gated_swiglu.recompute 1(1.expert.gate_up, 1.row_gates) -> 1.expert.hidden  free 1.expert.gate_up, 1.row_gates
grouped_linear.weight_gradient 1(1.expert.hidden, d(1.expert.out)) ->   free 1.expert.hidden, d(1.expert.out)
grouped_linear.weight_gradient 1(1.expert_rows, d(1.expert.gate_up)) ->   free 1.expert_rows, d(1.expert.gate_up)
dispatch.input_gradient finish 1(d(1.mlp_norm)) -> d(1.mlp_norm)+, d(1.gates)  [d(1.mlp_norm)+ in place]
router.input_gradient 1(1.gates, 1.indices, 1.scores, d(1.gates)) -> d(1.router_logits)  free 1.gates, 1.indices, 1.scores, d(1.gates)
linear.input_gradient 1(d(1.router_logits), d(1.mlp_norm)+) -> d(1.mlp_norm)+  [d(1.mlp_norm)+ in place]
rms_norm.input_gradient 1(1.after_attention, d(1.mlp_norm)+, d(1.after_mlp)) -> d(1.after_attention)+  [d(1.after_attention)+ in place]
linear.input_gradient 1(d(1.after_attention)+) -> d(1.attention)
attention.input_gradient 1(1.q, 1.kv, 1.k_rope, 1.attention, 1.attention.lse, d(1.attention)) -> d(1.q), d(1.kv), d(1.k_rope)  free 1.q, 1.kv, 1.k_rope, 1.attention.lse, d(1.attention)
linear.input_gradient 1(d(1.kv)) -> d(1.kv_latent)
kv_latent.input_gradient 1(1.kv_latent_raw, d(1.kv_latent), d(1.k_rope)) -> d(1.kv_latent_raw)
linear.input_gradient 1(d(1.kv_latent_raw)) -> d(1.attention_norm)
rope.input_gradient 1(d(1.q)) -> d(1.q_projected)  [d(1.q_projected) in place]
linear.input_gradient 1(d(1.q_projected)) -> d(1.q_latent_norm)
rms_norm.input_gradient 1(1.q_latent, d(1.q_latent_norm)) -> d(1.q_latent)
linear.input_gradient 1(d(1.q_latent), d(1.attention_norm)) -> d(1.attention_norm)+  [d(1.attention_norm)+ in place]
rms_norm.input_gradient 1(0.after_mlp, d(1.attention_norm)+, d(1.after_attention)+) -> d(0.after_mlp)+
linear.weight_gradient 1(1.mlp_norm, d(1.router_logits)) ->   free 1.mlp_norm, d(1.router_logits)
rms_norm.weight_gradient 1(1.after_attention, d(1.mlp_norm)+) ->   free 1.after_attention, d(1.mlp_norm)+
linear.weight_gradient 1(1.attention, d(1.after_attention)+) ->   free 1.attention, d(1.after_attention)+
linear.weight_gradient 1(1.kv_latent, d(1.kv)) ->   free 1.kv_latent, d(1.kv)
kv_latent.weight_gradient 1(1.kv_latent_raw, d(1.kv_latent), d(1.k_rope)) ->   free 1.kv_latent_raw, d(1.kv_latent), d(1.k_rope)
linear.weight_gradient 1(1.attention_norm, d(1.kv_latent_raw)) ->   free d(1.kv_latent_raw)
linear.weight_gradient 1(1.q_latent_norm, d(1.q_projected)) ->   free 1.q_latent_norm, d(1.q_projected)
rms_norm.weight_gradient 1(1.q_latent, d(1.q_latent_norm)) ->   free 1.q_latent, d(1.q_latent_norm)
linear.weight_gradient 1(1.attention_norm, d(1.q_latent)) ->   free 1.attention_norm, d(1.q_latent)
rms_norm.weight_gradient 1(0.after_mlp, d(1.attention_norm)+) ->   free 0.after_mlp, d(1.attention_norm)+
)");
}

// Hidden rows are made beside the input gradients, or their twice as wide operands would have to stay; the rest is made
// where it is read.
TEST(RecomputeLists, of_a_split_backward_by_the_letter) {
  const StageSteps stage = middle_layer(true, {.rms_norm = true, .mla_up = true, .swiglu = true});
  EXPECT_EQ(to_string(stage, stage.backward_input), R"(combine.input_gradient start 1(d(1.after_mlp)) -> 
linear.input_gradient 1(d(1.after_mlp)) -> d(1.shared.hidden)
swiglu.recompute 1(1.shared.gate_up) -> 1.shared.hidden
swiglu.input_gradient 1(1.shared.gate_up, d(1.shared.hidden)) -> d(1.shared.gate_up)  free 1.shared.gate_up, d(1.shared.hidden)
linear.input_gradient 1(d(1.shared.gate_up)) -> d(1.mlp_norm)
combine.input_gradient finish 1() -> d(1.expert.out)
grouped_linear.input_gradient 1(d(1.expert.out)) -> d(1.expert.hidden)
gated_swiglu.recompute 1(1.expert.gate_up, 1.row_gates) -> 1.expert.hidden
gated_swiglu.input_gradient 1(1.expert.gate_up, 1.row_gates, d(1.expert.hidden)) -> d(1.expert.gate_up), d(1.row_gates)  free 1.expert.gate_up, 1.row_gates, d(1.expert.hidden)
grouped_linear.input_gradient 1(d(1.expert.gate_up)) -> d(1.expert_rows)
dispatch.input_gradient start 1(d(1.expert_rows), d(1.row_gates)) ->   free d(1.expert_rows), d(1.row_gates)
dispatch.input_gradient finish 1(d(1.mlp_norm)) -> d(1.mlp_norm)+, d(1.gates)  [d(1.mlp_norm)+ in place]
router.input_gradient 1(1.gates, 1.indices, 1.scores, d(1.gates)) -> d(1.router_logits)  free 1.gates, 1.indices, 1.scores, d(1.gates)
linear.input_gradient 1(d(1.router_logits), d(1.mlp_norm)+) -> d(1.mlp_norm)+  [d(1.mlp_norm)+ in place]
rms_norm.input_gradient 1(1.after_attention, d(1.mlp_norm)+, d(1.after_mlp)) -> d(1.after_attention)+
linear.input_gradient 1(d(1.after_attention)+) -> d(1.attention)
rms_norm.recompute 1(1.q_latent) -> 1.q_latent_norm
linear.recompute 1(1.q_latent_norm) -> 1.q_projected
rope.recompute 1(1.q_projected) -> 1.q  [1.q in place]
kv_latent.recompute 1(1.kv_latent_raw) -> 1.kv_latent, 1.k_rope
linear.recompute 1(1.kv_latent) -> 1.kv
attention.input_gradient 1(1.q, 1.kv, 1.k_rope, 1.attention, 1.attention.lse, d(1.attention)) -> d(1.q), d(1.kv), d(1.k_rope)  free 1.q, 1.kv, 1.k_rope, 1.attention.lse, d(1.attention)
linear.input_gradient 1(d(1.kv)) -> d(1.kv_latent)
kv_latent.input_gradient 1(1.kv_latent_raw, d(1.kv_latent), d(1.k_rope)) -> d(1.kv_latent_raw)
linear.input_gradient 1(d(1.kv_latent_raw)) -> d(1.attention_norm)
rope.input_gradient 1(d(1.q)) -> d(1.q_projected)  [d(1.q_projected) in place]
linear.input_gradient 1(d(1.q_projected)) -> d(1.q_latent_norm)
rms_norm.input_gradient 1(1.q_latent, d(1.q_latent_norm)) -> d(1.q_latent)
linear.input_gradient 1(d(1.q_latent), d(1.attention_norm)) -> d(1.attention_norm)+  [d(1.attention_norm)+ in place]
rms_norm.input_gradient 1(0.after_mlp, d(1.attention_norm)+, d(1.after_attention)+) -> d(0.after_mlp)+
)");
  EXPECT_EQ(
      to_string(stage, stage.backward_weight),
      R"(grouped_linear.weight_gradient 1(1.expert.hidden, d(1.expert.out)) ->   free 1.expert.hidden, d(1.expert.out)
grouped_linear.weight_gradient 1(1.expert_rows, d(1.expert.gate_up)) ->   free 1.expert_rows, d(1.expert.gate_up)
linear.weight_gradient 1(1.shared.hidden, d(1.after_mlp)) ->   free 1.shared.hidden, d(1.after_mlp)
rms_norm.recompute 1(1.after_attention) -> 1.mlp_norm
linear.weight_gradient 1(1.mlp_norm, d(1.shared.gate_up)) ->   free d(1.shared.gate_up)
linear.weight_gradient 1(1.mlp_norm, d(1.router_logits)) ->   free 1.mlp_norm, d(1.router_logits)
rms_norm.weight_gradient 1(1.after_attention, d(1.mlp_norm)+) ->   free 1.after_attention, d(1.mlp_norm)+
linear.weight_gradient 1(1.attention, d(1.after_attention)+) ->   free 1.attention, d(1.after_attention)+
linear.weight_gradient 1(1.kv_latent, d(1.kv)) ->   free 1.kv_latent, d(1.kv)
kv_latent.weight_gradient 1(1.kv_latent_raw, d(1.kv_latent), d(1.k_rope)) ->   free 1.kv_latent_raw, d(1.kv_latent), d(1.k_rope)
rms_norm.recompute 1(0.after_mlp) -> 1.attention_norm
linear.weight_gradient 1(1.attention_norm, d(1.kv_latent_raw)) ->   free d(1.kv_latent_raw)
linear.weight_gradient 1(1.q_latent_norm, d(1.q_projected)) ->   free 1.q_latent_norm, d(1.q_projected)
rms_norm.weight_gradient 1(1.q_latent, d(1.q_latent_norm)) ->   free 1.q_latent, d(1.q_latent_norm)
linear.weight_gradient 1(1.attention_norm, d(1.q_latent)) ->   free 1.attention_norm, d(1.q_latent)
rms_norm.weight_gradient 1(0.after_mlp, d(1.attention_norm)+) ->   free 0.after_mlp, d(1.attention_norm)+
)");
}

}  // namespace
}  // namespace dsrun
