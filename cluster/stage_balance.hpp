// Which layers a stage gets where the job leaves it open: as many as make the dearest stage cheapest.
#pragma once

#include <vector>

#include "dsl/job.hpp"

namespace dsrun {

// By layer, FLOPs of a token's forward pass; the embedding's movement of rows counts to the first layer, the head's
// and the prediction modules' work to the last, whose stage they belong to.
std::vector<double> layer_costs(const ModelSpec& model, int length);

// Layers of each stage, in order, at least one each: the largest sum of costs is as small as can be, and among those
// the sum of squares. Precondition: as many costs as stages, at least.
std::vector<int> balance_stages(const std::vector<double>& costs, int num_stages);

// The job with parallel.layers_per_stage filled in.
Job with_stages(Job job);

}  // namespace dsrun
