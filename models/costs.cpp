#include "models/costs.hpp"

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

double forward_flops_per_token(const Node& node, const Graph& graph, int length) {
  const OpAttributes& a = node.attributes;
  switch (node.op) {
    case Op::linear:
    case Op::grouped_linear:
    case Op::head_loss: {
      const Param& param = graph.params[static_cast<std::size_t>(node.params[0])];
      const double times = node.op == Op::grouped_linear ? a.experts_per_token : 1;
      return times * 2.0 * static_cast<double>(param.rows) * static_cast<double>(param.cols);
    }
    case Op::attention:
      return static_cast<double>(length) * a.heads * (a.nope_dim + a.rope_dim + a.value_dim);
    default:
      return 0;
  }
}

double training_flops_per_token(const ModelSpec& model, int length) {
  const Graph graph = build_graph(model);
  double forward = 0;
  for (const Node& node : graph.nodes) forward += forward_flops_per_token(node, graph, length);
  return 3 * forward;
}

}  // namespace dsrun
