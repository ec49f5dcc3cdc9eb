// Lifetimes: marks in step lists where each value's memory begins and ends.
#pragma once

#include <vector>

#include "models/passes/steps.hpp"

namespace dsrun {

// Fills allocates, takes_over and releases of every step. `lists` run one after the other for the same microbatch. A
// value that leaves through a port at the end of a list is not released in that list: its sender releases it. Values
// that no later step reads are released by the step that makes them.
void plan_lifetimes(const StageSteps& stage, const std::vector<StepList*>& lists);

}  // namespace dsrun
