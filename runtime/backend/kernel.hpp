// KernelCall: what the executor hands to a kernel function (runtime/backend/kernel_table.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "dsl/specs/balance.hpp"
#include "runtime/backend/gemm.hpp"
#include "runtime/device/exchange/routing.hpp"
#include "runtime/memory/tensor.hpp"
#include "runtime/memory/workspace.hpp"

namespace dsrun {

struct OpAttributes;

// Where the gradient of one input goes: out = contribution + addend. `addend` may be null (0) or the same memory as
// out.
struct GradTarget {
  TensorView out;  // null: the gradient is not needed
  TensorView addend;
};

// fp32 (or fp64) accumulator of a parameter's gradient, in the parameter's shape.
struct ParamGrad {
  TensorView out;
  bool accumulate = false;  // false: overwrite (the step's first microbatch)
};

// The microbatch's host data; embed, head_loss and router read it.
struct BatchView {
  const std::int32_t* tokens = nullptr;   // [T]
  const std::int32_t* targets = nullptr;  // [T]
  const std::uint8_t* mask = nullptr;     // [T]; 0: this position does not count
  std::int64_t sequence_length = 0;       // T is a multiple of it; attention and positions restart at each multiple
  double* loss_sum = nullptr;             // head_loss forward adds Σ cross entropy over unmasked positions
  std::int32_t* likeliest = nullptr;      // [T], unless null: head_loss forward writes the token of the largest logit
  double loss_weight = 1;                 // factor of head_loss's gradients
  // Router backward: weight of the sequence-wise balance loss. If it is above 0, the loss's gradient is added.
  double balance_alpha = 0;
  ScoresCounted balance_scores = ScoresCounted::paper;
  double* balance_loss_sum = nullptr;  // the loss, times the sequences' lengths, is added to it
};

struct KernelCall {
  const OpAttributes& attributes;
  std::span<const TensorView> inputs;
  std::span<const TensorView> outputs;
  std::span<const TensorView> grad_outputs;  // of outputs that have a gradient; null view otherwise
  std::span<const GradTarget> grad_inputs;   // by input
  std::span<const TensorView> params;
  std::span<const ParamGrad> param_grads;  // by param
  const Routing* routing = nullptr;        // grouped ops
  BatchView batch;
  const float* router_bias = nullptr;  // [E], router only
  Workspace& workspace;
  Gemm& gemm;
};

using KernelFunction = void (*)(const KernelCall&);

}  // namespace dsrun
