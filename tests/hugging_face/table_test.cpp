// Which tensor of the files is which part of which parameter: complete, without overlap, and with the names and shapes
// of transformers' DeepseekV3ForCausalLM, listed here anew from its sizes.
#include <gtest/gtest.h>

#include <map>

#include <fmt/format.h>

#include "models/arch/hugging_face.hpp"
#include "models/costs.hpp"
#include "tests/models/random_model.hpp"

namespace dsrun {
namespace {

using Dims = std::vector<std::int64_t>;
using Shapes = std::map<std::string, Dims>;

void list_mlp(Shapes& shapes, const std::string& prefix, std::int64_t inner, std::int64_t hidden) {
  shapes[prefix + "gate_proj.weight"] = shapes[prefix + "up_proj.weight"] = {inner, hidden};
  shapes[prefix + "down_proj.weight"] = {hidden, inner};
}

void list_block(Shapes& shapes, const ModelSpec& m, int layer) {
  const std::string at = fmt::format("model.layers.{}.", layer), attention = at + "self_attn.";
  shapes[at + "input_layernorm.weight"] = shapes[at + "post_attention_layernorm.weight"] = {m.hidden};
  const std::int64_t queries = std::int64_t{m.heads} * (m.nope_dim + m.rope_dim);
  if (m.q_rank > 0) {
    shapes[attention + "q_a_proj.weight"] = {m.q_rank, m.hidden};
    shapes[attention + "q_a_layernorm.weight"] = {m.q_rank};
    shapes[attention + "q_b_proj.weight"] = {queries, m.q_rank};
  } else {
    shapes[attention + "q_proj.weight"] = {queries, m.hidden};
  }
  shapes[attention + "kv_a_proj_with_mqa.weight"] = {m.kv_rank + m.rope_dim, m.hidden};
  shapes[attention + "kv_a_layernorm.weight"] = {m.kv_rank};
  shapes[attention + "kv_b_proj.weight"] = {std::int64_t{m.heads} * (m.nope_dim + m.value_dim), m.kv_rank};
  shapes[attention + "o_proj.weight"] = {m.hidden, std::int64_t{m.heads} * m.value_dim};
  if (layer < m.dense_layers) return list_mlp(shapes, at + "mlp.", m.dense_hidden, m.hidden);
  shapes[at + "mlp.gate.weight"] = {m.experts, m.hidden};
  shapes[at + "mlp.gate.e_score_correction_bias"] = {m.experts};
  for (int expert = 0; expert < m.experts; ++expert)
    list_mlp(shapes, fmt::format("{}mlp.experts.{}.", at, expert), m.expert_hidden, m.hidden);
  if (m.shared_experts > 0)
    list_mlp(shapes, at + "mlp.shared_experts.", std::int64_t{m.shared_experts} * m.expert_hidden, m.hidden);
}

Shapes shapes_of(const ModelSpec& m) {
  Shapes shapes;
  shapes["model.embed_tokens.weight"] = shapes["lm_head.weight"] = {m.vocab_size, m.hidden};
  shapes["model.norm.weight"] = {m.hidden};
  for (int layer = 0; layer < m.layers; ++layer) list_block(shapes, m, layer);
  return shapes;
}

Shapes shapes_in(const HuggingFaceTable& table) {
  Shapes shapes;
  for (const HuggingFaceTensor& tensor : table.tensors()) {
    EXPECT_TRUE(shapes.emplace(tensor.name, tensor.dims).second) << tensor.name;
    std::int64_t size = 1;
    for (const std::int64_t dim : tensor.dims) size *= dim;
    EXPECT_EQ(size, tensor.size) << tensor.name;
  }
  return shapes;
}

// Every element of every parameter once, and every bias once.
void expect_cover(const Graph& graph, const HuggingFaceTable& table) {
  for (const Param& param : graph.params) {
    std::int64_t end = 0;
    for (const HuggingFaceTensor& part : table.parts_of(param.name)) {
      EXPECT_EQ(part.begin, end) << part.name;
      EXPECT_EQ(part.param, param.name);
      EXPECT_FALSE(part.is_copy);
      end += part.size;
    }
    EXPECT_EQ(end, param.size()) << param.name;
  }
  std::size_t biases = 0, parts = 0;
  for (const HuggingFaceTensor& tensor : table.tensors()) {
    EXPECT_EQ(table.find(tensor.name), &tensor);
    parts += !tensor.param.empty() && !tensor.is_copy ? 1 : 0;
    if (tensor.param.empty()) {
      EXPECT_EQ(tensor.moe, static_cast<int>(biases++));
    }
  }
  EXPECT_EQ(biases, graph.moe_layers.size());
  for (const Param& param : graph.params) parts -= table.parts_of(param.name).size();
  EXPECT_EQ(parts, 0U);
}

TEST(HuggingFaceTable, has_the_names_and_shapes_of_transformers_and_covers_every_parameter_once) {
  test::Random random(11);
  for (int turn = 0; turn < 200; ++turn) {
    const ModelSpec model = test::random_model(random);
    const Graph graph = build_graph(model);
    const HuggingFaceTable table(graph, model);
    EXPECT_EQ(shapes_in(table), shapes_of(model));
    EXPECT_EQ(static_cast<std::int64_t>(table.tensors().size()), HuggingFaceTable::num_tensors(graph, model));
    expect_cover(graph, table);
    EXPECT_EQ(table.find("model.layers.0.mlp.gate_up_proj.weight"), nullptr);
    EXPECT_TRUE(table.parts_of("lm_head").empty());
  }
}

// Experts lie one after the other, each gate's rows before its up's (models/arch/deepseek_v3/build.cpp).
TEST(HuggingFaceTable, takes_experts_apart) {
  ModelSpec model;
  model.layers = 2;
  model.dense_layers = 1;
  model.hidden = 5;
  model.heads = model.kv_rank = model.nope_dim = model.value_dim = 1;
  model.rope_dim = 2;
  model.experts = 4;
  model.expert_hidden = 3;
  model.dense_hidden = 7;
  model.vocab_size = 9;
  const HuggingFaceTable table(build_graph(model), model);
  const HuggingFaceTensor* up = table.find("model.layers.1.mlp.experts.2.up_proj.weight");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->param, "model.layers.1.mlp.experts.gate_up_proj.weight");
  EXPECT_EQ(up->begin, 2 * 2 * 15 + 15);
  EXPECT_EQ(up->size, 15);
  const HuggingFaceTensor* down = table.find("model.layers.1.mlp.experts.3.down_proj.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->begin, 3 * 15);
  EXPECT_EQ(table.find("model.layers.0.mlp.up_proj.weight")->begin, 7 * 5);
}

// transformers 5 has one tensor for all experts of a layer, in the same order.
TEST(HuggingFaceTable, takes_the_experts_of_a_layer_in_one_tensor) {
  test::Random random(13);
  for (int turn = 0; turn < 50; ++turn) {
    const ModelSpec model = test::random_model(random);
    const Graph graph = build_graph(model);
    ParamNames whole;
    for (const HuggingFaceTensor& each : whole_experts(graph, model))
      if (test::pick(random, 0, 1) == 1) whole.insert(each.param);
    const HuggingFaceTable table(graph, model, whole);
    expect_cover(graph, table);
    EXPECT_EQ(static_cast<std::int64_t>(table.tensors().size()), HuggingFaceTable::num_tensors(graph, model, whole));
    for (const std::string& param : whole) {
      const HuggingFaceTensor& only = table.parts_of(param)[0];
      EXPECT_EQ(only.name + ".weight", param);
      const std::int64_t rows = param.find("gate_up") != std::string::npos ? 2 * model.expert_hidden : model.hidden;
      const std::int64_t cols = rows == 2 * model.expert_hidden && param.find("gate_up") != std::string::npos
                                    ? model.hidden
                                    : model.expert_hidden;
      EXPECT_EQ(only.dims, (Dims{model.experts, rows, cols}));
    }
  }
}

// A prediction module is a layer beyond the last, with its own names for the embedding and head that it shares.
TEST(HuggingFaceTable, adds_the_copies_of_a_prediction_module) {
  test::Random random(12);
  ModelSpec model = test::random_model(random);
  Graph graph = build_graph(model);
  model.mtp_depth = 1;
  const std::string at = fmt::format("model.layers.{}.", model.layers);
  graph.params.push_back({at + "eh_proj.weight", 0, model.hidden, 2 * model.hidden, Init::normal, model.layers - 1});
  graph.params.push_back({at + "enorm.weight", 0, 1, model.hidden, Init::ones, model.layers - 1});
  const HuggingFaceTable table(graph, model);
  expect_cover(graph, table);
  Shapes expected = shapes_of(model);
  expected[at + "eh_proj.weight"] = {model.hidden, 2 * model.hidden};
  expected[at + "enorm.weight"] = {model.hidden};
  expected[at + "embed_tokens.weight"] = expected[at + "shared_head.head.weight"] = {model.vocab_size, model.hidden};
  EXPECT_EQ(shapes_in(table), expected);
  EXPECT_EQ(static_cast<std::int64_t>(table.tensors().size()), HuggingFaceTable::num_tensors(graph, model));
  EXPECT_TRUE(table.find(at + "embed_tokens.weight")->is_copy);
  EXPECT_EQ(table.find(at + "shared_head.head.weight")->param, "lm_head.weight");
}

// arXiv 2412.19437, section 4.2, and a bias for each expert of 58 layers.
TEST(HuggingFaceTable, counts_the_published_model) {
  ModelSpec model;
  model.layers = 61;
  model.dense_layers = 3;
  model.hidden = 7168;
  model.heads = 128;
  model.q_rank = 1536;
  model.kv_rank = 512;
  model.nope_dim = model.value_dim = 128;
  model.rope_dim = 64;
  model.experts = 256;
  model.shared_experts = 1;
  model.expert_hidden = 2048;
  model.dense_hidden = 18432;
  model.vocab_size = 129280;
  const Graph graph = build_graph(model);
  const HuggingFaceTable table(graph, model);
  std::int64_t size = 0;
  for (const HuggingFaceTensor& tensor : table.tensors()) size += tensor.size;
  EXPECT_EQ(size, 671026404352 + 58 * 256);
  EXPECT_EQ(table.tensors().size(), 3U + 61 * 9 + 3 * 3 + 58 * (2 + 3 * 257));
}

}  // namespace
}  // namespace dsrun
