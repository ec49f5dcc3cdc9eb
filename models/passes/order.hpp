// Orders a list's steps so that compute runs while transfers are in flight.
#pragma once

#include "models/passes/steps.hpp"

namespace dsrun {

// A stable list scheduling: transfers start as soon as their inputs exist and finish as late as possible. Between them,
// compute steps run in the given order. A dispatch starts right after its exchange_counts starts: what a rank sends
// depends on its own router alone; only what it receives depends on its peers' counts.
StepList order_steps(const StageSteps& stage, const std::vector<OpStep>& steps);

}  // namespace dsrun
