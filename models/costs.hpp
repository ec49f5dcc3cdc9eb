// Counts of parameters and FLOPs, by formula and from the graph.
#pragma once

#include <cstdint>

#include "models/graph.hpp"

namespace dsrun {

// By formula from the sizes (arXiv 2412.19437, section 4.2 states the 671B that this gives); router biases not counted.
std::int64_t parameter_count(const ModelSpec& model);
// The same without prediction modules, as published sizes are told.
std::int64_t parameters_of_layers(const ModelSpec& model);
// Parameters that one token meets: its K routed experts of E, and the embedding's look-up not counted.
std::int64_t active_parameter_count(const ModelSpec& model);

// Sum over the graph's own parameters.
std::int64_t parameter_count(const Graph& graph);

// Multiply-adds count 2; attention counts the causal half; norms, activations and recomputation count nothing.
double forward_flops_per_token(const Node& node, const Graph& graph, int length);
double training_flops_per_token(const ModelSpec& model, int length);  // forward and both gradients: 3 × forward

}  // namespace dsrun
