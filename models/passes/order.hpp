// In which order a list's steps run, so that compute fills the flight of transfers.
#pragma once

#include "models/passes/steps.hpp"

namespace dsrun {

// A stable list scheduling: transfers start as soon as their inputs exist and are waited for as late as possible;
// between them compute steps run in the order given. A dispatch starts right behind its exchange_counts: what a rank
// sends depends on its own router alone, and only what comes is known from its peers' counts.
StepList order_steps(const StageSteps& stage, const std::vector<Step>& steps);

}  // namespace dsrun
