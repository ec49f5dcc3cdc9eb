#include "cluster/report/chart/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "cluster/report/chart/cells.hpp"
#include "cluster/report/chart/units.hpp"
#include "dsl/text/utf8.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

// By letter, of 256 colours: black on a hue for each kind, paler for other phases; both hues for X.
constexpr std::array<std::string_view, cell_letters.size()> colours = {
    "38;5;16;48;5;75",   "38;5;16;48;5;78",    "38;5;16;48;5;115", "38;5;16;48;5;221",
    "1;38;5;19;48;5;78", "38;5;16;48;5;153",   "38;5;16;48;5;157", "38;5;16;48;5;194",
    "38;5;16;48;5;229",  "1;38;5;26;48;5;157", "38;5;16;48;5;183", "2"};
constexpr EnumNames<InstructionKind, num_instruction_kinds> meanings(
    {{InstructionKind::forward, "forward"},
     {InstructionKind::backward, "backward"},
     {InstructionKind::backward_input, "input gradient"},
     {InstructionKind::weight, "weight gradient"},
     {InstructionKind::overlapped, "F and B at once"}});
constexpr int share_width = 6;  // " 12 % "

std::string painted(bool colour, std::size_t letter, const std::string& text) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", colours[letter], text) : text;
}

using Words = std::vector<std::pair<std::string, std::size_t>>;

// Words and the width of each on the screen, in lines no wider than `columns`.
std::string wrapped(const Words& words, std::size_t columns, std::size_t gap = 1) {
  std::string text;
  std::size_t used = 0;
  for (const auto& [word, width] : words) {
    if (used > 0 && used + gap + width > columns) {
      text += '\n';
      used = 0;
    }
    if (used > 0) text += std::string(gap, ' ');
    text += word;
    used += width + (used > 0 ? gap : 0);
  }
  return text + '\n';
}

Words words_of(const std::string& text) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    words.emplace_back(word, num_characters(word));
    at = end + 1;
  }
  return words;
}

class Chart {
 public:
  Chart(const Replayed& replayed, const Plan& plan, const ChartOptions& options)
      : replayed_(replayed), plan_(plan), options_(options), lanes_(chart_lanes(replayed, plan)) {
    columns_ = static_cast<std::size_t>(std::max(options.columns, 20));
    num_shown_ = std::min(lanes_.size(), static_cast<std::size_t>(std::max(options.max_lanes, 1)));
    std::size_t widest = 0;
    for (std::size_t lane = 0; lane < num_shown_; ++lane)
      widest = std::max(widest, num_characters(lanes_[lane].ranks()));
    label_ = widest + 6 <= columns_ / 6 ? (lanes_[0].num_ranks > 1 ? "ranks " : "rank ") : "";
    prefix_ = label_.size() + widest + 1;
    num_cells_ = columns_ - std::min(prefix_ + share_width, columns_ - 8);
  }

  std::string text() {
    std::string text = heading();
    for (std::size_t lane = 0; lane < num_shown_; ++lane) text += lane_line(lanes_[lane]);
    return text + axis() + left_out() + legend();
  }

 private:
  std::string heading() const {
    return wrapped(words_of(fmt::format("{}, {} microbatches: a step of {}, bubble {}", plan_.program.schedule,
                                        plan_.program.num_microbatches, time_text(replayed_.step_seconds),
                                        percent_text(replayed_.bubble()))),
                   columns_);
  }

  // The lane's cells as letters, with microbatches over letters of the same instruction that follow the first.
  std::string letters_of(const ChartLane& lane, const std::vector<ChartCell>& cells) const {
    std::string letters;
    for (const ChartCell& cell : cells) letters += cell_letters[cell.letter];
    for (std::size_t from = 0, to = 0; from < cells.size(); from = to) {
      for (to = from + 1; to < cells.size() && cells[to].instruction == cells[from].instruction;) ++to;
      if (cells[from].instruction < 0) continue;
      const auto& [first, overlapped] =
          replayed_.ranks[lane.place].instructions[static_cast<std::size_t>(cells[from].instruction)].instruction;
      const std::string number =
          fmt::format("{}", first.microbatch) + (overlapped ? fmt::format("&{}", overlapped->microbatch) : "");
      if (number.size() < to - from) letters.replace(from + 1, number.size(), number);
    }
    return letters;
  }

  std::string lane_line(const ChartLane& lane) {
    const std::vector<ChartCell> cells = chart_cells(lane.spans, replayed_.step_seconds, static_cast<int>(num_cells_));
    const std::string letters = letters_of(lane, cells);
    const std::string ranks = lane.ranks();
    std::string line = label_ + std::string(prefix_ - 1 - label_.size() - num_characters(ranks), ' ') + ranks + ' ';
    for (std::size_t from = 0, to = 0; from < cells.size(); from = to) {
      for (to = from; to < cells.size() && cells[to].letter == cells[from].letter;) ++to;
      line += painted(options_.colour, cells[from].letter, letters.substr(from, to - from));
      used_[cells[from].letter] = true;
    }
    return line + fmt::format("{:>4.0f} %\n", 100 * lane.idle_share);
  }

  std::string axis() const {
    const double step = nice_step(replayed_.step_seconds, std::max(2, static_cast<int>(num_cells_) / 12));
    std::string line, labels;
    std::size_t label_end = 0;
    for (std::size_t cell = 0, tick = 0; cell < num_cells_; ++cell) {
      const double at = static_cast<double>(tick) * step;
      const bool due = static_cast<std::size_t>(at / replayed_.step_seconds * static_cast<double>(num_cells_)) <= cell;
      line += due ? "┴" : "─";
      if (!due) continue;
      ++tick;
      const std::string label = tick_text(at, replayed_.step_seconds);
      const std::size_t width = num_characters(label);
      if (cell + width > num_cells_ || (cell > 0 && cell <= label_end)) continue;
      labels += std::string(cell - label_end, ' ') + label;
      label_end = cell + width;
    }
    const std::string indent(prefix_, ' ');
    return indent + line + "  idle\n" + indent + labels + '\n';
  }

  std::string left_out() const {
    if (num_shown_ == lanes_.size()) return "";
    const std::size_t num_left = lanes_.size() - num_shown_;
    ChartLane left = lanes_[num_shown_];
    left.num_ranks = lanes_.back().first_rank + lanes_.back().num_ranks - left.first_rank;
    return wrapped(words_of(fmt::format("{} more lane{} left out: {} {}", num_left, num_left == 1 ? " is" : "s are",
                                        left.num_ranks == 1 ? "rank" : "ranks", left.ranks())),
                   columns_);
  }

  // What the letters used stand for; a small one says its kind if the capital is not there.
  std::string legend() const {
    Words words;
    const auto add = [&](std::size_t letter, std::string_view meaning) {
      const std::string sign(1, cell_letters[letter]);
      // A sign and its meaning stay together in a line.
      words.emplace_back(painted(options_.colour, letter, sign) + fmt::format(" {}", meaning), meaning.size() + 2);
    };
    for (const auto& [of, meaning] : meanings.rows()) {
      const auto kind = static_cast<std::size_t>(of);
      if (used_[kind] || used_[kind + num_instruction_kinds])
        add(used_[kind] ? kind : kind + num_instruction_kinds, meaning);
    }
    if (used_[idle_letter - 1]) add(idle_letter - 1, "step's end");
    if (used_[idle_letter]) add(idle_letter, "idle");
    const auto small = used_.begin() + num_instruction_kinds;
    if (std::any_of(small, small + num_instruction_kinds, [](bool each) { return each; }))
      return wrapped(words, columns_, 2) + wrapped(words_of("small letters: the rank's other stages"), columns_);
    return wrapped(words, columns_, 2);
  }

  const Replayed& replayed_;
  const Plan& plan_;
  const ChartOptions& options_;
  std::vector<ChartLane> lanes_;
  std::size_t columns_ = 0, num_shown_ = 0, prefix_ = 0, num_cells_ = 0;
  std::string label_;
  std::array<bool, cell_letters.size()> used_{};
};

}  // namespace

std::string schedule_chart(const Replayed& replayed, const Plan& plan, const ChartOptions& options) {
  return Chart(replayed, plan, options).text();
}

}  // namespace dsrun
