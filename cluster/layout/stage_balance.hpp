// Chooses each stage's layers where the job leaves them open, so that the most expensive stage costs as little as
// possible.
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

// Improves a cut where ranks hold several stages. It moves layers along one or more boundaries at once, for as long as
// the busiest rank gets less to do, or gets as much while the most expensive stage gets cheaper. The result is a good
// cut, not always the best.
std::vector<int> balance_ranks(const std::vector<double>& costs, std::vector<int> sizes, const Program& program);

// The job with parallel.layers_per_stage filled in.
Job with_stages(Job job);

}  // namespace dsrun
