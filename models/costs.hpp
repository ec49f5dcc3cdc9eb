// Counts of parameters and FLOPs, from the graph.
#pragma once

#include <cstdint>

#include "models/graph.hpp"
#include "models/passes/steps.hpp"

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

// What a microbatch's shapes are on one rank, as far as costs need it.
struct MicrobatchShape {
  double tokens = 0;         // T
  double routed_rows = 0;    // R, on the mean
  double sent_rows = 0;      // token rows that leave for members of the expert group, this rank included, on the mean
  double received_rows = 0;  // … that come from them
  double relayed_rows = 0;   // … that come to be passed on, and that are; of two hops
  int length = 0;            // of a sequence
  double local_experts = 0;  // L
  Precision compute = Precision::fp32;  // of activations and weights
};

// Steps of one shape cost the same for equally many rows.
struct StepShape {
  Op op = Op::embed;
  Pass pass = Pass::forward;  // of what is made again in backward, too
  Part part = Part::whole;
  int in_cols = 0, out_cols = 0;  // of the first input and output; the vocabulary is the head's output
  int length = 0;                 // of a sequence, for attention; else 0
  auto operator<=>(const StepShape&) const = default;
};
StepShape step_shape(const StageSteps& stage, const Step& step, int length);

// What one step does at such shapes: FLOPs as executed (attention and head make their scores again on the way back;
// the causal half counts) and bytes that a kernel has to move if it touches each operand once.
struct StepWork : StepShape {
  double rows = 0;      // of the first operand, T or R; of transfers: rows read and written, or pairs for their counts
  double matrices = 1;  // that the rows are divided among: local experts
  bool wide = false;    // a product whose result is not of the compute type: logits
  double flops = 0;
  double bytes = 0;
};
StepWork step_work(const StageSteps& stage, const Step& step, const MicrobatchShape& shape);

}  // namespace dsrun
