// A replay of a Program at the granularity of its instructions. Every stage costs the same and messages take no time,
// as papers assume when they compare schedules.
#pragma once

#include <vector>

#include "runtime/schedule/program.hpp"

namespace dsrun {

// Times of a forward, a full backward, a weight gradient and an interleaved pair; an input gradient takes b - w.
struct UnitCosts {
  double f;
  double b;
  double w;
  double fb;
};

struct ReplayResult {
  double makespan;
  std::vector<double> idle;  // by rank, of the makespan
};

// An instruction starts when its rank is free and all its inputs are there (for an interleaved pair, those of both
// halves). It has its outputs at its end. Precondition: check_program() found no fault.
ReplayResult replay(const Program& program, const UnitCosts& costs);

}  // namespace dsrun
