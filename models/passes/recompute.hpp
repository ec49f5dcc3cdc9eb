// Recomputation: the backward lists compute again values that the forward pass does not keep, from values that it
// keeps. It trades work for memory. The numbers stay the same to the bit, since the same kernels run on the same
// operands.
//
// `full` keeps the residual stream between layers, and what routing decided (gates, indices, scores). So no token is
// routed or counted twice, and only dispatch sends its rows again. The head's log-sum-exp is always kept: running the
// head again would count the loss twice. To add a policy, add a field to RecomputeSpec and a RecomputeSet, and let an
// architecture's graph mark the ops with it.
#pragma once

#include <vector>

#include "models/passes/steps.hpp"

namespace dsrun {

// By node: whether its outputs are not kept from the forward to the backward pass.
std::vector<bool> forgotten_nodes(const Graph& graph, const RecomputeSpec& policy);

// `lists` are backward lists in their final order that run one after the other, without recompute steps. Inserts a step
// for every output of a forgotten node that some step reads, just before its first reader. If its inputs are forgotten
// too, their steps come first. There are two exceptions. A transfer starts as soon as its rows exist. A value that only
// weight gradients read is made among the input gradients if its operands could otherwise not be released there.
// Lifetimes are planned after this.
void insert_recomputation(const StageSteps& stage, const std::vector<bool>& forgotten,
                          const std::vector<StepList*>& lists);

}  // namespace dsrun
