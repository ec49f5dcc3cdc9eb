#include "cluster/report/chart/cells.hpp"

#include <algorithm>
#include <array>

namespace dsrun {
namespace {

constexpr std::size_t num_letters = cell_letters.size();
using Shares = std::array<double, num_letters>;

// What of a cell each letter takes, and the longest instruction of each.
struct CellShares {
  Shares share{};
  Shares longest{};
  std::array<int, num_letters> instruction{};
};

std::vector<CellShares> shares_of(const std::vector<ChartSpan>& spans, double seconds, int num_cells) {
  std::vector<CellShares> cells(static_cast<std::size_t>(num_cells));
  const double per_second = num_cells / seconds;
  for (const ChartSpan& span : spans) {
    const double from = span.from * per_second, to = span.to * per_second;
    const std::size_t letter = letter_of(span);
    for (auto c = static_cast<std::size_t>(from); c < cells.size() && static_cast<double>(c) < to; ++c) {
      const double share = std::min(to, static_cast<double>(c + 1)) - std::max(from, static_cast<double>(c));
      cells[c].share[letter] += share;
      if (share <= cells[c].longest[letter]) continue;
      cells[c].longest[letter] = share;
      cells[c].instruction[letter] = span.instruction;
    }
  }
  return cells;
}

// Cells' letters by share, each cell's rounding carried over to the next that has the same letter.
std::vector<std::size_t> choose_letters(const std::vector<CellShares>& cells) {
  std::vector<std::size_t> letters;
  Shares owed{};
  for (const CellShares& cell : cells) {
    std::size_t best = idle_letter;
    double most = -2;
    for (std::size_t letter = 0; letter < num_letters; ++letter) {
      if (cell.share[letter] < 1e-9) continue;
      owed[letter] = std::min(1.0, owed[letter] + cell.share[letter]);
      if (owed[letter] <= most + 1e-9) continue;
      most = owed[letter];
      best = letter;
    }
    owed[best] -= 1;
    letters.push_back(best);
  }
  return letters;
}

// A letter that no cell shows takes the cell that has most of it, unless another would vanish by that.
void show_rare_letters(const std::vector<CellShares>& cells, std::vector<std::size_t>& letters) {
  std::array<int, num_letters> shown{};
  for (const std::size_t letter : letters) ++shown[letter];
  for (std::size_t letter = 0; letter < num_letters; ++letter) {
    if (shown[letter] > 0) continue;
    std::size_t place = cells.size();
    double most = 1e-9;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (cells[c].share[letter] <= most || shown[letters[c]] < 2) continue;
      most = cells[c].share[letter];
      place = c;
    }
    if (place == cells.size()) continue;
    --shown[letters[place]];
    ++shown[letter];
    letters[place] = letter;
  }
}

}  // namespace

std::size_t letter_of(const ChartSpan& span) {
  switch (span.sign) {
    case ChartSign::reduce:
    case ChartSign::update:
    case ChartSign::gather:
      return idle_letter - 1;
    case ChartSign::idle:
      return idle_letter;
    default:
      return static_cast<std::size_t>(span.sign) + (span.phase > 0 ? num_instruction_kinds : 0);
  }
}

std::vector<ChartCell> chart_cells(const std::vector<ChartSpan>& spans, double seconds, int num_cells) {
  const std::vector<CellShares> shares = shares_of(spans, seconds, num_cells);
  std::vector<std::size_t> letters = choose_letters(shares);
  show_rare_letters(shares, letters);
  std::vector<ChartCell> cells;
  for (std::size_t c = 0; c < shares.size(); ++c) {
    const bool instruction = letters[c] < 2 * num_instruction_kinds;
    cells.push_back({letters[c], instruction ? shares[c].instruction[letters[c]] : -1});
  }
  return cells;
}

}  // namespace dsrun
