// Chooses each stage's layers where the job leaves them open, so that the most expensive stage costs as little as
// possible.
#pragma once

#include <vector>

#include "dsl/job.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// Seconds of a microbatch's forward and backward passes, by layer, on the catalog's device of the job's kind. The
// machine at hand does not matter, so the same job has the same stages everywhere. The embedding counts to the first
// layer, the head and the prediction modules to the last, whose stage they belong to.
std::vector<double> layer_costs(const Job& job);

// Number of layers of each stage, in order, at least one each. The largest sum of costs is as small as possible; among
// such cuts, the sum of squares is. Precondition: there are at least as many costs as stages.
std::vector<int> balance_stages(const std::vector<double>& costs, int num_stages);

// Improves a cut where ranks hold several stages. It moves layers across one or more boundaries at once. It goes on
// while the busiest rank gets less work, or the same work while the most expensive stage gets cheaper. The result is a
// good cut, not always the best.
std::vector<int> balance_ranks(const std::vector<double>& costs, std::vector<int> sizes, const Program& program);

// The job with parallel.layers_per_stage filled in.
Job with_stages(Job job);

}  // namespace dsrun
