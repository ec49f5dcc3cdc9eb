// The model as a list of ops: its text, its published sizes, and its slices.
#include <gtest/gtest.h>

#include <set>

#include "models/costs.hpp"
#include "models/graph.hpp"
#include "tests/models/closed_formula.hpp"
#include "tests/models/known_models.hpp"
#include "tests/models/random_model.hpp"

namespace dsrun {
namespace {

using test::deepseek_v3;
using test::small_model;

TEST(Graph, prints_one_line_an_op) {
  EXPECT_EQ(to_string(build_graph(small_model())), R"(embed(; model.embed_tokens.weight[256x16]) -> 0.embedding[Tx16]
rms_norm(0.embedding; model.layers.0.input_layernorm.weight[1x16]) -> 0.attention_norm[Tx16]
linear(0.attention_norm; model.layers.0.self_attn.q_a_proj.weight[8x16]) -> 0.q_latent[Tx8]
rms_norm(0.q_latent; model.layers.0.self_attn.q_a_layernorm.weight[1x8]) -> 0.q_latent_norm[Tx8]
linear(0.q_latent_norm; model.layers.0.self_attn.q_b_proj.weight[12x8]) -> 0.q_projected[Tx12]
rope(0.q_projected) -> 0.q[Tx12]
linear(0.attention_norm; model.layers.0.self_attn.kv_a_proj_with_mqa.weight[8x16]) -> 0.kv_latent_raw[Tx8]
kv_latent(0.kv_latent_raw; model.layers.0.self_attn.kv_a_layernorm.weight[1x6]) -> 0.kv_latent[Tx6], 0.k_rope[Tx2]
linear(0.kv_latent; model.layers.0.self_attn.kv_b_proj.weight[14x6]) -> 0.kv[Tx14]
attention(0.q, 0.kv, 0.k_rope) -> 0.attention[Tx6], 0.attention.lse[Tx2:wide]
linear(0.attention; model.layers.0.self_attn.o_proj.weight[16x6]) -> 0.attention_out[Tx16]
add(0.embedding, 0.attention_out) -> 0.after_attention[Tx16]
rms_norm(0.after_attention; model.layers.0.post_attention_layernorm.weight[1x16]) -> 0.mlp_norm[Tx16]
linear(0.mlp_norm; model.layers.0.mlp.gate_up_proj.weight[40x16]) -> 0.mlp.gate_up[Tx40]
swiglu(0.mlp.gate_up) -> 0.mlp.hidden[Tx20]
linear(0.mlp.hidden; model.layers.0.mlp.down_proj.weight[16x20]) -> 0.mlp.out[Tx16]
add(0.after_attention, 0.mlp.out) -> 0.after_mlp[Tx16]
rms_norm(0.after_mlp; model.layers.1.input_layernorm.weight[1x16]) -> 1.attention_norm[Tx16]
linear(1.attention_norm; model.layers.1.self_attn.q_a_proj.weight[8x16]) -> 1.q_latent[Tx8]
rms_norm(1.q_latent; model.layers.1.self_attn.q_a_layernorm.weight[1x8]) -> 1.q_latent_norm[Tx8]
linear(1.q_latent_norm; model.layers.1.self_attn.q_b_proj.weight[12x8]) -> 1.q_projected[Tx12]
rope(1.q_projected) -> 1.q[Tx12]
linear(1.attention_norm; model.layers.1.self_attn.kv_a_proj_with_mqa.weight[8x16]) -> 1.kv_latent_raw[Tx8]
kv_latent(1.kv_latent_raw; model.layers.1.self_attn.kv_a_layernorm.weight[1x6]) -> 1.kv_latent[Tx6], 1.k_rope[Tx2]
linear(1.kv_latent; model.layers.1.self_attn.kv_b_proj.weight[14x6]) -> 1.kv[Tx14]
attention(1.q, 1.kv, 1.k_rope) -> 1.attention[Tx6], 1.attention.lse[Tx2:wide]
linear(1.attention; model.layers.1.self_attn.o_proj.weight[16x6]) -> 1.attention_out[Tx16]
add(0.after_mlp, 1.attention_out) -> 1.after_attention[Tx16]
rms_norm(1.after_attention; model.layers.1.post_attention_layernorm.weight[1x16]) -> 1.mlp_norm[Tx16]
linear(1.mlp_norm; model.layers.1.mlp.gate.weight[8x16]) -> 1.router_logits[Tx8:wide]
router(1.router_logits) -> 1.gates[Tx2:wide], 1.indices[Tx2:index], 1.scores[Tx8:wide]
exchange_counts(1.indices) -> 
dispatch(1.mlp_norm, 1.gates) -> 1.expert_rows[Rx16], 1.row_gates[Rx1:wide]
linear(1.mlp_norm; model.layers.1.mlp.shared_experts.gate_up_proj.weight[10x16]) -> 1.shared.gate_up[Tx10]
swiglu(1.shared.gate_up) -> 1.shared.hidden[Tx5]
linear(1.shared.hidden; model.layers.1.mlp.shared_experts.down_proj.weight[16x5]) -> 1.shared.out[Tx16]
grouped_linear(1.expert_rows; model.layers.1.mlp.experts.gate_up_proj.weight[8x10x16]) -> 1.expert.gate_up[Rx10]
gated_swiglu(1.expert.gate_up, 1.row_gates) -> 1.expert.hidden[Rx5]
grouped_linear(1.expert.hidden; model.layers.1.mlp.experts.down_proj.weight[8x16x5]) -> 1.expert.out[Rx16]
combine(1.expert.out) -> 1.routed_out[Tx16]
add(1.routed_out, 1.shared.out) -> 1.moe_out[Tx16]
add(1.after_attention, 1.moe_out) -> 1.after_mlp[Tx16]
rms_norm(1.after_mlp; model.norm.weight[1x16]) -> 1.final_norm[Tx16]
head_loss(1.final_norm; lm_head.weight[256x16]) -> 1.loss.lse[Tx1:wide]
)");
}

// arXiv 2412.19437, section 2.2; embedding and head are parameters of the main model.
TEST(Graph, lists_prediction_modules_after_the_main_head) {
  ModelSpec model = small_model();
  model.mtp_depth = 2;
  const Graph graph = build_graph(model);
  const std::string text = to_string(graph);
  const auto from = text.find("head_loss(1.final_norm");
  ASSERT_NE(from, std::string::npos);
  EXPECT_EQ(text.substr(from, text.find("rms_norm(2.projected") - from),
            R"(head_loss(1.final_norm; lm_head.weight[256x16]) -> 1.loss.lse[Tx1:wide]
embed(; model.embed_tokens.weight[256x16]) -> 2.embedding[Tx16]
rms_norm(2.embedding; model.layers.2.enorm.weight[1x16]) -> 2.embedding_norm[Tx16]
rms_norm(1.final_norm; model.layers.2.hnorm.weight[1x16]) -> 2.hidden_norm[Tx16]
concat(2.embedding_norm, 2.hidden_norm) -> 2.joined[Tx32]
linear(2.joined; model.layers.2.eh_proj.weight[16x32]) -> 2.projected[Tx16]
)");
  EXPECT_NE(text.find("rms_norm(2.final_norm; model.layers.3.hnorm.weight[1x16]) -> 3.hidden_norm[Tx16]"),
            std::string::npos);
  EXPECT_TRUE(
      text.ends_with("rms_norm(3.after_mlp; model.layers.3.shared_head.norm.weight[1x16]) -> 3.final_norm[Tx16]\n"
                     "head_loss(3.final_norm; lm_head.weight[256x16]) -> 3.loss.lse[Tx1:wide]\n"));
  std::vector<int> depths;
  std::set<std::string> names;
  for (const OpNode& node : graph.nodes)
    if (node.op == Op::embed || node.op == Op::head_loss) depths.push_back(node.attributes.depth);
  for (const Param& param : graph.params) EXPECT_TRUE(names.insert(param.name).second) << param.name;
  EXPECT_EQ(depths, (std::vector<int>{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(graph.moe_layers.size(), static_cast<std::size_t>(model.moe_layers()));
}

TEST(Graph, leaves_out_what_a_size_of_zero_turns_off) {
  ModelSpec model = small_model();
  model.q_rank = 0;
  model.shared_experts = 0;
  const std::string text = to_string(build_graph(model));
  EXPECT_NE(text.find("linear(1.attention_norm; model.layers.1.self_attn.q_proj.weight[12x16]) -> 1.q_projected[Tx12]"),
            std::string::npos);
  EXPECT_EQ(text.find("q_a"), std::string::npos);
  EXPECT_EQ(text.find("shared"), std::string::npos);
  EXPECT_NE(text.find("add(1.after_attention, 1.routed_out) -> 1.after_mlp[Tx16]"), std::string::npos);
}

TEST(Costs, give_the_published_sizes_of_deepseek_v3) {
  const ModelSpec model = deepseek_v3();
  EXPECT_EQ(parameter_count(model), 671026404352);
  EXPECT_EQ(test::parameters_by_formula(model), 671026404352);
  EXPECT_EQ(active_parameter_count(model), 36625603584);
  EXPECT_NEAR(training_flops_per_token(model, 4096), 250.4e9, 0.05e9);
}

// A prediction module: its block, its projection of 2 x 7168 to 7168, and three norms; embedding and head are shared.
TEST(Costs, give_the_published_size_of_deepseek_v3s_prediction_module) {
  ModelSpec model = deepseek_v3();
  const double flops = training_flops_per_token(model, 4096);
  const std::int64_t active = active_parameter_count(model);
  for (const int depth : {1, 2}) {
    model.mtp_depth = depth;
    const std::int64_t block = 11507286016, projection = 102760448, norms = 3 * 7168;
    EXPECT_EQ(parameter_count(model), 671026404352 + depth * (block + projection + norms));
    EXPECT_EQ(test::parameters_by_formula(model), parameter_count(model));
    EXPECT_EQ(parameters_of_layers(model), 671026404352);
    EXPECT_EQ(active_parameter_count(model), active);  // of the main model: modules only train it, or draft
    EXPECT_NEAR(training_flops_per_token(model, 4096) - flops, depth * 10.2e9, depth * 0.05e9);
  }
}

// Six FLOPs a parameter that a token meets in a matrix, and the causal half of attention's two products.
TEST(Costs, of_flops_follow_from_active_matrices) {
  test::Random random(3);
  for (int trial = 0; trial < 50; ++trial) {
    const ModelSpec model = test::random_model(random);
    const int length = test::pick(random, 1, 64);
    std::int64_t norms = 0;
    for (const Param& param : build_graph(model).params)
      if (!param.is_matrix()) norms += param.size();
    const double matrices = static_cast<double>(active_parameter_count(model) - norms);
    const double attention =
        1.0 * length * model.heads * (model.nope_dim + model.rope_dim + model.value_dim) * model.layers;
    EXPECT_DOUBLE_EQ(training_flops_per_token(model, length), 6 * matrices + 3 * attention) << "trial " << trial;
  }
}

TEST(Costs, of_the_graph_are_those_of_the_formula) {
  test::Random random(1);
  for (int trial = 0; trial < 200; ++trial) {
    ModelSpec model = test::random_model(random);
    model.mtp_depth = trial % 3;
    EXPECT_EQ(parameter_count(model), test::parameters_by_formula(model)) << "trial " << trial;
    EXPECT_EQ(active_parameter_count(model), test::active_parameters_by_formula(model)) << "trial " << trial;
  }
}

std::vector<std::string> node_texts(const Graph& graph) {
  std::vector<std::string> lines;
  std::string text = to_string(graph);
  for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
    lines.push_back(text.substr(begin, text.find('\n', begin) - begin));
  return lines;
}

std::vector<std::string> port_names(const Graph& graph, const std::vector<ValueId>& ports) {
  std::vector<std::string> names;
  for (const ValueId id : ports) names.push_back(graph.values.at(static_cast<std::size_t>(id)).name);
  return names;
}

TEST(SliceGraph, stages_add_up_to_the_model) {
  test::Random random(2);
  for (int trial = 0; trial < 100; ++trial) {
    const ModelSpec spec = test::random_model(random);
    const Graph model = build_graph(spec);
    const std::vector<int> bounds = test::random_cuts(random, spec.layers);
    std::vector<std::string> nodes, params;
    std::vector<int> moe_layers;
    std::vector<std::string> sent;
    for (std::size_t s = 0; s + 1 < bounds.size(); ++s) {
      const Graph stage = slice_graph(model, bounds[s], bounds[s + 1]);
      for (std::string& line : node_texts(stage)) nodes.push_back(std::move(line));
      for (const Param& param : stage.params) params.push_back(param.name);
      for (const OpNode& node : stage.nodes)
        if (node.moe >= 0) {
          EXPECT_EQ(stage.moe_layers.at(static_cast<std::size_t>(node.moe)), node.layer);
        }
      moe_layers.insert(moe_layers.end(), stage.moe_layers.begin(), stage.moe_layers.end());
      EXPECT_EQ(stage.embeds(), s == 0);
      EXPECT_EQ(stage.has_loss(), s + 2 == bounds.size());
      if (!stage.embeds()) {
        EXPECT_EQ(port_names(stage, stage.ports_in), sent);
      }
      sent = port_names(stage, stage.ports_out);
    }
    EXPECT_EQ(nodes, node_texts(model));
    EXPECT_EQ(moe_layers, model.moe_layers);
    std::vector<std::string> all;
    for (const Param& param : model.params) all.push_back(param.name);
    EXPECT_EQ(params, all);
  }
}

// Every value that a slice reads is its own or the one that arrives.
TEST(SliceGraph, has_one_port_where_layers_meet) {
  test::Random random(4);
  for (int trial = 0; trial < 100; ++trial) {
    const ModelSpec spec = test::random_model(random);
    const Graph model = build_graph(spec);
    const std::vector<int> bounds = test::random_cuts(random, spec.layers);
    for (std::size_t s = 0; s + 1 < bounds.size(); ++s) {
      const Graph stage = slice_graph(model, bounds[s], bounds[s + 1]);
      std::vector<bool> there(stage.values.size(), false);
      EXPECT_EQ(stage.ports_in.size(), s == 0 ? 0u : 1u);
      for (const ValueId port : stage.ports_in) there.at(static_cast<std::size_t>(port)) = true;
      for (const OpNode& node : stage.nodes) {
        for (const ValueId input : node.inputs) EXPECT_TRUE(there.at(static_cast<std::size_t>(input)));
        for (const ValueId output : node.outputs) there.at(static_cast<std::size_t>(output)) = true;
      }
      EXPECT_EQ(std::count(there.begin(), there.end(), false), 0);
    }
  }
}

}  // namespace
}  // namespace dsrun
