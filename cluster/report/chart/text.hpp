// A forecast step for a terminal: a line a simulated rank, a column a slice of time, one letter a slice.
//
//   rank 0  F0F1F2..B0BBF3B1BB..B2BB..B3BBS   12 %
//
// F, B, I, W and X (forward and backward interleaved) with the microbatch where there is room, S for the step's end,
// '.' for idle; small letters for stages of other phases than the first. A column shows what fills most of it, and what
// no column had room for is made up for in the next one that has some of it: so a lane has as many dots as it idles.
#pragma once

#include <string>
#include <vector>

#include "cluster/report/chart/lanes.hpp"

namespace dsrun {

struct ChartOptions {
  int columns = 80;  // at least 20
  bool colour = false;
  int max_lanes = 32;
};

// Lines, each ended by a newline and none wider than `columns`.
std::string schedule_chart(const Replayed& replayed, const Plan& plan, const ChartOptions& options);

}  // namespace dsrun
