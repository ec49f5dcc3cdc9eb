// The schedule that a job asks for, a row of the table or a file of the user's own, as planner and executor ask for it.
#pragma once

#include <optional>
#include <string>

#include "dsl/job.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// How many stages the layers are divided into.
int num_stages(const ParallelSpec& parallel);

// Why a step of so many microbatches cannot be scheduled, or nullopt.
std::optional<std::string> schedule_fault(const ParallelSpec& parallel, int num_microbatches);

// The Program of such a step. Precondition: no fault. Throws std::logic_error if it does not pass the checker (S-1).
Program build_program(const ParallelSpec& parallel, int num_microbatches);

}  // namespace dsrun
