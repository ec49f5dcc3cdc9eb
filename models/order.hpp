// In which order a list's steps run, so that compute fills the flight of transfers.
#pragma once

#include "models/steps.hpp"

namespace dsrun {

// A stable list scheduling: transfers start as soon as their inputs exist and are waited for as late as possible;
// between them compute steps run in the order given. exchange_counts is waited for at once: everything depends on it.
StepList order_steps(const StageSteps& stage, const std::vector<Step>& steps);

}  // namespace dsrun
