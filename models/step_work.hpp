// StepWork: what one step of an op list computes and moves, for plans and for measured speeds.
#pragma once

#include <compare>

#include "dsl/specs/precision.hpp"
#include "models/op.hpp"
#include "models/passes/pass.hpp"

namespace dsrun {

struct StageSteps;
struct OpStep;

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
StepShape step_shape(const StageSteps& stage, const OpStep& step, int length);

// The work of one step at given shapes. FLOPs are as executed: attention and head compute their scores again in
// backward, and the causal half counts. Bytes are those that a kernel has to move if it touches each operand once.
struct StepWork : StepShape {
  double rows = 0;      // of the first operand, T or R; of transfers: rows read and written, or pairs for their counts
  double matrices = 1;  // number of matrices that the rows are divided among: local experts
  bool wide = false;    // a product whose result is not of the compute type: logits
  double flops = 0;
  double bytes = 0;
};
StepWork step_work(const StageSteps& stage, const OpStep& step, const MicrobatchShape& shape);

}  // namespace dsrun
