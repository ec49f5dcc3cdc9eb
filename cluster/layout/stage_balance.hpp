// Which layers a stage gets where the job leaves it open: as many as make the dearest stage cheapest.
#pragma once

#include <vector>

#include "dsl/job.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// By layer, seconds of a microbatch's forward and backward passes on the catalog's device of the job's kind (whatever
// the machine at hand is: the same job has the same stages everywhere). The embedding counts to the first layer, the
// head and the prediction modules to the last, whose stage they belong to.
std::vector<double> layer_costs(const Job& job);

// Layers of each stage, in order, at least one each: the largest sum of costs is as small as can be, and among those
// the sum of squares. Precondition: as many costs as stages, at least.
std::vector<int> balance_stages(const std::vector<double>& costs, int num_stages);

// From there on, where ranks hold several stages: layers are moved, along one or more boundaries at once, for as long
// as the busiest rank gets less to do, or the dearest stage with it unchanged. A good cut, not always the best.
std::vector<int> balance_ranks(const std::vector<double>& costs, std::vector<int> sizes, const Program& program);

// The job with parallel.layers_per_stage filled in.
Job with_stages(Job job);

}  // namespace dsrun
