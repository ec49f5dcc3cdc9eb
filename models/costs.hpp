// Counts of parameters and FLOPs, from the graph.
#pragma once

#include <cstdint>

#include "models/graph.hpp"
#include "models/passes/pass.hpp"

namespace dsrun {

// Elements of the graph's parameters; router biases do not count.
std::int64_t parameter_count(const Graph& graph);
std::int64_t parameter_count(const ModelSpec& model);
// Prediction modules do not count, as in published sizes.
std::int64_t parameters_of_layers(const ModelSpec& model);
// Parameters of the main model that one token meets: K of its E routed experts, and not the embedding, which is looked
// up.
std::int64_t active_parameter_count(const ModelSpec& model);

// FLOPs that a pass of an op makes of one row of its first input, as the op table's products column has it: a
// multiply-add counts 2, attention counts the causal half of `length`, norms and activations count nothing.
double flops_per_row(const Node& node, const Graph& graph, Pass pass, int length);

// Recomputation counts nothing. A routed row counts once for each of its token's experts.
double forward_flops_per_token(const Node& node, const Graph& graph, int length);
double training_flops_per_token(const ModelSpec& model, int length);  // forward and both gradients: 3 × forward

}  // namespace dsrun
