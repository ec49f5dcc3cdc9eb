// A forecast step for a terminal: one line for each simulated rank, one letter for each slice of time.
//
//   rank 0  F0F1F2..B0BBF3B1BB..B2BB..B3BBS   12 %
//
// Instructions are F, B, I, W and X (forward and backward interleaved), with the microbatch where there is room. S is
// the step's end, '.' is idle. Phases after the first have small letters. A column shows the letter with the largest
// share of its time. Shares that a column does not show are added to the letter's share in the next column that has the
// letter. So a lane's number of dots matches its idle time.
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
