// Counts of parameters and FLOPs, from the graph.
#pragma once

#include <cstdint>

#include "models/graph.hpp"
#include "models/passes/pass.hpp"

namespace dsrun {

// Number of elements of the graph's parameters; router biases do not count.
std::int64_t parameter_count(const Graph& graph);
std::int64_t parameter_count(const ModelSpec& model);
// Number of parameters without the prediction modules, as in published sizes.
std::int64_t parameters_of_layers(const ModelSpec& model);
// Number of the main model's parameters that one token uses: K of the E routed experts count; the embedding, which is
// looked up, does not.
std::int64_t active_parameter_count(const ModelSpec& model);

// FLOPs of a pass of an op for one row of its first input, from the op table's `products` column. A multiply-add counts
// 2, attention counts the causal half of `length`, norms and activations count 0.
double flops_per_row(const OpNode& node, const Graph& graph, Pass pass, int length);

// FLOPs of a token; recomputation counts 0. A token counts once for each of its experts.
double forward_flops_per_token(const OpNode& node, const Graph& graph, int length);
double training_flops_per_token(const ModelSpec& model, int length);  // forward and both gradients: 3 × forward

}  // namespace dsrun
