// What each schedule's file offers to the table in schedule.cpp; everybody else asks the table.
#pragma once

#include <optional>
#include <string>

#include "runtime/schedule/program.hpp"

namespace dsrun {

std::optional<std::string> one_f_one_b_fault(int num_ranks, int num_microbatches);
Program one_f_one_b(int num_ranks, int num_microbatches);

std::optional<std::string> dualpipe_fault(int num_ranks, int num_microbatches);
Program dualpipe(int num_ranks, int num_microbatches);

}  // namespace dsrun
