// Chooses what each column of a lane shows on a terminal.
#pragma once

#include <string>
#include <vector>

#include "cluster/report/chart/lanes.hpp"

namespace dsrun {

// Letters that a column can show: the kinds of instructions (capitals for the first phase, small letters for others),
// the step's end, and idle.
inline constexpr std::string_view cell_letters = "FBIWXfbiwxS.";
inline constexpr std::size_t idle_letter = cell_letters.size() - 1;

struct ChartCell {
  std::size_t letter = idle_letter;  // index into cell_letters
  int instruction = -1;
};

std::size_t letter_of(const ChartSpan& span);

// Divides a lane of `seconds` into `num_cells` cells and chooses what each shows of the lane's spans.
std::vector<ChartCell> chart_cells(const std::vector<ChartSpan>& spans, double seconds, int num_cells);

}  // namespace dsrun
