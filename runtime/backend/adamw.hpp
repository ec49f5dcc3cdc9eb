// OptimizerFunctions: what a backend does at the end of a step, on flat arrays: the sums of gradients, the AdamW update
// (arXiv 1711.05101), and the average of weights after it.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

struct AdamwStep {
  double lr, beta1, beta2, eps, weight_decay;
  double gradient_scale;  // multiplies the gradient sums: clipping ÷ token count
  std::int64_t step;      // from 1, for bias correction
};

// All views have one row.
struct OptimizerFunctions {
  // master and gradient: fp32 or fp64; moments: the same type, or bf16; weights: any type.
  void (*adamw_update)(const AdamwStep& step, const TensorView& master, const TensorView& gradient,
                       const TensorView& moment1, const TensorView& moment2, const TensorView& weights);
  // average += (1 − decay) · (values − average), both in the wide type.
  void (*average_weights)(double decay, const TensorView& values, const TensorView& average);
  // Σ row[i]², summed in fp64 in a fixed association.
  double (*sum_squares)(const TensorView& row);
  // out[i] = Σ slices[k][i] in order of k; out may be one of the slices.
  void (*sum_slices)(std::span<const TensorView> slices, const TensorView& out);
};

}  // namespace dsrun
