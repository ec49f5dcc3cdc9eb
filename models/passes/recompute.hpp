// Recomputation: values that the forward pass does not keep, made again by the backward lists out of values that it
// keeps. Memory against work; the numbers stay the same to the bit, since the same kernels run on the same operands.
//
// What is kept under `full`: the residual stream between layers, and what routing decided (gates, indices, scores). So
// no token is routed or counted twice, and dispatch alone sends its rows again. The head's log-sum-exp is always kept:
// running the head again would count the loss twice. To add a policy: a field of RecomputeSpec, its RecomputeSet,
// and the ops that an architecture's graph marks with it.
#pragma once

#include <vector>

#include "models/passes/steps.hpp"

namespace dsrun {

// By node: whether its outputs are not kept from the forward to the backward pass.
std::vector<bool> forgotten_nodes(const Graph& graph, const RecomputeSpec& policy);

// `lists` are backward lists in their final order that run one after the other, without recompute steps. Puts into them
// a step for every output of a forgotten node that some step reads, just before its first reader; first for the inputs
// that are forgotten themselves. Two exceptions: a transfer starts as soon as its rows exist, and a value that weight
// gradients alone read is made beside the input gradients if its operands could otherwise not be released there.
// Lifetimes are not planned yet.
void insert_recomputation(const StageSteps& stage, const std::vector<bool>& forgotten,
                          const std::vector<StepList*>& lists);

}  // namespace dsrun
