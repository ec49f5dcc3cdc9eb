// The schedule of a job: a row of the table, or a file of the user's own. Planner and executor both use these
// functions.
#pragma once

#include <optional>
#include <string>

#include "dsl/specs/parallel.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// Number of pipeline stages that the layers are divided into.
int num_stages(const ParallelSpec& parallel);

// Why a step of `num_microbatches` microbatches cannot be scheduled; nullopt: it can.
std::optional<std::string> schedule_fault(const ParallelSpec& parallel, int num_microbatches);

// The Program of a step of `num_microbatches` microbatches. Precondition: it has no schedule_fault(). Throws
// std::logic_error if it does not pass the checker (S-1).
Program build_program(const ParallelSpec& parallel, int num_microbatches);

}  // namespace dsrun
