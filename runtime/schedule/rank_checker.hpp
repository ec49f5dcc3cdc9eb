// The part of the checker that looks at one rank by itself: completeness, order and the FIFO of deferred weight work.
#pragma once

#include <vector>

#include "runtime/schedule/checker.hpp"

namespace dsrun {

// Precondition: the Program's sizes are positive. See checker.hpp for what is proven.
std::vector<ProgramFault> check_rank(const Program& program, int rank, bool forward_only);

}  // namespace dsrun
