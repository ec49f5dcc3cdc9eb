#include "models/costs.hpp"

#include "models/op_table.hpp"

namespace dsrun {
namespace {

Graph main_model(ModelSpec model) {
  model.mtp_depth = 0;
  return build_graph(model);
}

}  // namespace

std::int64_t parameter_count(const ModelSpec& model) { return parameter_count(build_graph(model)); }

std::int64_t parameters_of_layers(const ModelSpec& model) { return parameter_count(main_model(model)); }

std::int64_t active_parameter_count(const ModelSpec& model) {
  const Graph graph = main_model(model);
  std::int64_t active = 0;
  for (const OpNode& node : graph.nodes) {
    if (node.op == Op::embed) continue;
    for (const int index : node.params) {
      const Param& param = graph.params[static_cast<std::size_t>(index)];
      active += param.experts > 0 ? node.attributes.experts_per_token * param.rows * param.cols : param.size();
    }
  }
  return active;
}

std::int64_t parameter_count(const Graph& graph) {
  std::int64_t total = 0;
  for (const Param& param : graph.params) total += param.size();
  return total;
}

double flops_per_row(const OpNode& node, const Graph& graph, Pass pass, int length) {
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

double forward_flops_per_token(const OpNode& node, const Graph& graph, int length) {
  const bool routed =
      !node.inputs.empty() && graph.values[static_cast<std::size_t>(node.inputs[0])].rows == Rows::routed;
  return (routed ? node.attributes.experts_per_token : 1) * flops_per_row(node, graph, Pass::forward, length);
}

double training_flops_per_token(const ModelSpec& model, int length) {
  const Graph graph = build_graph(model);
  double forward = 0;
  for (const OpNode& node : graph.nodes) forward += forward_flops_per_token(node, graph, length);
  return 3 * forward;
}

}  // namespace dsrun
