// StepWork: what one step of an op list computes and moves, for plans and for measured speeds.
#pragma once

#include <compare>

#include "dsl/specs/precision.hpp"
#include "models/op.hpp"
#include "models/passes/pass.hpp"

namespace dsrun {

struct StageSteps;
struct Step;

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
