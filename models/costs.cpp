#include "models/costs.hpp"

#include "models/op_table.hpp"

namespace dsrun {
namespace {

std::int64_t attention_parameters(const ModelSpec& m) {
  const std::int64_t d = m.hidden, head_dim = m.nope_dim + m.rope_dim;
  const std::int64_t queries =
      m.q_rank > 0 ? d * m.q_rank + m.q_rank + m.q_rank * m.heads * head_dim : d * m.heads * head_dim;
  const std::int64_t keys = d * (m.kv_rank + m.rope_dim) + m.kv_rank +
                            static_cast<std::int64_t>(m.kv_rank) * m.heads * (m.nope_dim + m.value_dim);
  return queries + keys + static_cast<std::int64_t>(m.heads) * m.value_dim * d;
}

std::int64_t parameters_with_experts(const ModelSpec& m, std::int64_t experts) {
  const std::int64_t d = m.hidden;
  const std::int64_t expert = 3 * d * m.expert_hidden;
  const std::int64_t moe = experts * expert + m.shared_experts * expert + d * m.experts;
  const std::int64_t module = 3 * d + 2 * d * d;  // norms and projection of a prediction module
  return (m.layers + m.mtp_depth) * (attention_parameters(m) + 2 * d) + m.dense_layers * 3 * d * m.dense_hidden +
         m.moe_layers() * moe + m.mtp_depth * module + 2 * static_cast<std::int64_t>(m.vocab_size) * d + d;
}

}  // namespace

std::int64_t parameter_count(const ModelSpec& model) { return parameters_with_experts(model, model.experts); }

static ModelSpec without_modules(ModelSpec model) {
  model.mtp_depth = 0;
  return model;
}

std::int64_t parameters_of_layers(const ModelSpec& model) { return parameter_count(without_modules(model)); }

std::int64_t active_parameter_count(const ModelSpec& model) {
  const ModelSpec main = without_modules(model);
  return parameters_with_experts(main, main.experts_per_token) -
         static_cast<std::int64_t>(main.vocab_size) * main.hidden;
}

std::int64_t parameter_count(const Graph& graph) {
  std::int64_t total = 0;
  for (const Param& param : graph.params) total += param.size();
  return total;
}

double flops_per_row(const Node& node, const Graph& graph, Pass pass, int length) {
  const OpProducts& products = op_row(node.op).products;
  const ProductCount& count = runs_forward(pass)             ? products.forward
                              : pass == Pass::backward_input ? products.backward_input
                                                             : products.backward_weight;
  const OpAttributes& a = node.attributes;
  double flops =
      static_cast<double>(length) * a.heads * (count.keys * (a.nope_dim + a.rope_dim) + count.values * a.value_dim);
  if (count.parameter > 0) {
    const Param& param = graph.params[static_cast<std::size_t>(node.params[0])];
    flops += 2.0 * count.parameter * static_cast<double>(param.rows) * static_cast<double>(param.cols);
  }
  return flops;
}

double forward_flops_per_token(const Node& node, const Graph& graph, int length) {
  const bool routed =
      !node.inputs.empty() && graph.values[static_cast<std::size_t>(node.inputs[0])].rows == Rows::routed;
  return (routed ? node.attributes.experts_per_token : 1) * flops_per_row(node, graph, Pass::forward, length);
}

double training_flops_per_token(const ModelSpec& model, int length) {
  const Graph graph = build_graph(model);
  double forward = 0;
  for (const Node& node : graph.nodes) forward += forward_flops_per_token(node, graph, length);
  return 3 * forward;
}

}  // namespace dsrun
