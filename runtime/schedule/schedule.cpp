// The table's rows, and the forward-only Program that validation runs on any schedule's placement.
#include "runtime/schedule/schedule.hpp"

#include <algorithm>
#include <array>

#include "runtime/schedule/builders.hpp"

namespace dsrun {
namespace {

constexpr std::array rows = {
    ScheduleRow{.name = "1f1b",
                .help = "one forward, one backward in turn: any number of ranks and microbatches, one stage a rank",
                .chunks_per_rank = 1,
                .num_directions = 1,
                .bubble_formula = "(P-1)(F+B)",
                .fault = one_f_one_b_fault,
                .build = one_f_one_b},
    ScheduleRow{.name = "dualpipe",
                .help = "microbatches from both ends, forward and backward interleaved so that each hides the other's "
                        "communication: two stages a rank, P even, M even and at least 2P",
                .chunks_per_rank = 2,
                .num_directions = 2,
                .bubble_formula = "(P/2-1)(FB+B-3W)",
                .fault = dualpipe_fault,
                .build = dualpipe},
};

}  // namespace

std::span<const ScheduleRow> schedules() { return rows; }

const ScheduleRow* find_schedule(std::string_view name) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const ScheduleRow& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

// Microbatch by microbatch, a rank's phases in rising order of stage: then (microbatch, stage) grows along every
// dependency and along every rank's order, so nothing can wait in a circle.
Program forward_only(const Program& trained, int microbatches_per_direction) {
  Program program = trained;
  program.num_microbatches = microbatches_per_direction * trained.num_directions;
  for (RankProgram& rank : program.ranks) {
    rank.instructions.clear();
    for (int microbatch = 0; microbatch < microbatches_per_direction; ++microbatch) {
      for (std::size_t phase = 0; phase < rank.chunks.size(); ++phase) {
        rank.instructions.push_back({{Kind::forward, static_cast<std::uint8_t>(phase), microbatch}, std::nullopt});
      }
    }
  }
  return program;
}

}  // namespace dsrun
