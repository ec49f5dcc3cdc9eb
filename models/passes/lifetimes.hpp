// Lifetimes: marks in step lists where each value's memory begins and ends.
#pragma once

#include <vector>

#include "models/passes/steps.hpp"

namespace dsrun {

// `lists` run one after the other for the same microbatch. Fills allocates, takes_over and releases of every step. What
// leaves through a port when a list is over is not released in that list: whoever sends it does. Values that no later
// step reads are released by the step that makes them.
void plan_lifetimes(const StageSteps& stage, const std::vector<StepList*>& lists);

}  // namespace dsrun
