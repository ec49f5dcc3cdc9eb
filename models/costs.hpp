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
double flops_per_row(const Node& node, const Graph& graph, Pass pass, int length);

// FLOPs of a token; recomputation counts 0. A token counts once for each of its experts.
double forward_flops_per_token(const Node& node, const Graph& graph, int length);
double training_flops_per_token(const ModelSpec& model, int length);  // forward and both gradients: 3 × forward

// The shapes of a microbatch on one rank, as far as costs need them.
struct MicrobatchShape {
  double tokens = 0;         // T
  double routed_rows = 0;    // R, mean
  double sent_rows = 0;      // token rows that leave for members of the expert group, this rank included; mean
  double received_rows = 0;  // … that come from them
  double relayed_rows = 0;   // … that come to be passed on, and that are passed on, with two hops
  int length = 0;            // of a sequence
  double local_experts = 0;  // L
  Precision compute = Precision::fp32;  // of activations and weights
};

// Steps of one shape with the same number of rows cost the same.
struct StepShape {
  Op op = Op::embed;
  Pass pass = Pass::forward;  // forward also for what backward makes again
  Part part = Part::whole;
  int in_cols = 0, out_cols = 0;  // of the first input and output; the vocabulary is the head's output
  int length = 0;                 // of a sequence, for attention; else 0
  auto operator<=>(const StepShape&) const = default;
};
StepShape step_shape(const StageSteps& stage, const Step& step, int length);

// The work of one step at given shapes. FLOPs are as executed: attention and head compute their scores again in
// backward, and the causal half counts. Bytes are those that a kernel has to move if it touches each operand once.
struct StepWork : StepShape {
  double rows = 0;      // of the first operand, T or R; of transfers: rows read and written, or pairs for their counts
  double matrices = 1;  // number of matrices that the rows are divided among: local experts
  bool wide = false;    // a product whose result is not of the compute type: logits
  double flops = 0;
  double bytes = 0;
};
StepWork step_work(const StageSteps& stage, const Step& step, const MicrobatchShape& shape);

}  // namespace dsrun
