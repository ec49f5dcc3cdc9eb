// What each column of a lane on a terminal shows.
#pragma once

#include <string>
#include <vector>

#include "cluster/report/chart/lanes.hpp"

namespace dsrun {

// Letters a column can show: instructions' kinds in capitals for the first phase and small for others, the step's end,
// idle.
inline constexpr std::string_view cell_letters = "FBIWXfbiwxS.";
inline constexpr std::size_t idle_letter = cell_letters.size() - 1;

struct ChartCell {
  std::size_t letter = idle_letter;  // index into cell_letters
  int instruction = -1;
};

std::size_t letter_of(const ChartSpan& span);

// The spans of a lane of `seconds` as so many cells.
std::vector<ChartCell> chart_cells(const std::vector<ChartSpan>& spans, double seconds, int num_cells);

}  // namespace dsrun
