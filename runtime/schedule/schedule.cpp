// The table's rows, and the forward-only Program that validation runs on any schedule's placement.
#include "runtime/schedule/schedule.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/footprint.hpp"

namespace dsrun {
namespace {

constexpr std::array rows = {
    ScheduleRow{.name = "gpipe",
                .help = "all forwards, then all backwards: any number of ranks and microbatches, one stage a rank",
                .stages_per_rank = 1,
                .stages_chosen = false,
                .num_directions = 1,
                .bubble_formula = "(P-1)(F+B)",
                .own_fault = nullptr,
                .builder = gpipe,
                .bound = gpipe_bound},
    ScheduleRow{.name = "1f1b",
                .help = "one forward, one backward in turn: any number of ranks and microbatches, one stage a rank",
                .stages_per_rank = 1,
                .stages_chosen = false,
                .num_directions = 1,
                .bubble_formula = "(P-1)(F+B)",
                .own_fault = nullptr,
                .builder = one_f_one_b,
                .bound = one_f_one_b_bound},
    ScheduleRow{.name = "interleaved",
                .help = "1f1b over several smaller stages a rank: a smaller bubble, more messages; M a multiple of P",
                .stages_per_rank = 2,
                .stages_chosen = true,
                .num_directions = 1,
                .bubble_formula = "(P-1)(F+B)",
                .own_fault = interleaved_fault,
                .builder = interleaved,
                .bound = interleaved_bound},
    ScheduleRow{.name = "zb1p",
                .help = "1f1b whose weight gradients wait until a rank would be idle: any number of ranks and "
                        "microbatches, one stage a rank",
                .stages_per_rank = 1,
                .stages_chosen = false,
                .num_directions = 1,
                .bubble_formula = "(P-1)(F+B-2W)",
                .own_fault = nullptr,
                .builder = zb1p,
                .bound = zb1p_bound},
    ScheduleRow{.name = "dualpipe",
                .help = "microbatches from both ends, forward and backward interleaved so that each hides the other's "
                        "communication: two stages a rank, P even, M even and at least 2P",
                .stages_per_rank = 2,
                .stages_chosen = false,
                .num_directions = 2,
                .bubble_formula = "(P/2-1)(FB+B-3W)",
                .own_fault = dualpipe_fault,
                .builder = dualpipe,
                .bound = dualpipe_bound},
    ScheduleRow{.name = "dualpipev",
                .help = "half of dualpipe, the stages in a V over the ranks and back: two stages a rank, each on one "
                        "rank only, M at least 2P",
                .stages_per_rank = 2,
                .stages_chosen = false,
                .num_directions = 1,
                .bubble_formula = "(P-1)(FB+B-3W)",
                .own_fault = dualpipev_fault,
                .builder = dualpipev,
                .bound = dualpipev_bound},
};

std::string stages(int number) { return std::to_string(number) + (number == 1 ? " stage a rank" : " stages a rank"); }

}  // namespace

std::span<const ScheduleRow> schedules() { return rows; }

const ScheduleRow* find_schedule(std::string_view name) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const ScheduleRow& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

ScheduleShape ScheduleRow::filled(ScheduleShape shape) const {
  if (shape.stages_per_rank == 0) shape.stages_per_rank = stages_per_rank;
  return shape;
}

std::optional<std::string> ScheduleRow::stages_fault(const ScheduleShape& shape) const {
  const int wanted = filled(shape).stages_per_rank;
  if (!stages_chosen && wanted != stages_per_rank)
    return std::string(name) + " has " + stages(stages_per_rank) + ", not " + std::to_string(wanted);
  if (stages_chosen && (wanted < 2 || wanted > most_stages_per_rank))
    return std::string(name) + " has from 2 to " + stages(most_stages_per_rank) + ", not " + std::to_string(wanted);
  return std::nullopt;
}

std::optional<std::string> ScheduleRow::fault(const ScheduleShape& shape) const {
  const auto lacks = [&](const char* what, int number) {
    return std::string(name) + " needs at least 1 " + what + ", not " + std::to_string(number);
  };
  if (shape.num_ranks < 1) return lacks("pipeline rank", shape.num_ranks);
  if (shape.num_microbatches < 1) return lacks("microbatch", shape.num_microbatches);
  if (const auto misfit = stages_fault(shape)) return misfit;
  return own_fault == nullptr ? std::nullopt : own_fault(filled(shape));
}

std::vector<ProgramFault> check_schedule(const ScheduleRow& row, const ScheduleShape& shape, const Program& program) {
  std::vector<ProgramFault> faults = check_program(program);
  if (!faults.empty()) return faults;
  for (int rank = 0; rank < std::ssize(program.ranks); ++rank) {
    const LiveBound bound = row.live_bound(shape, rank);
    const auto check = [&](int held, int most, const char* what) {
      if (held <= most) return;
      faults.push_back({rank, -1,
                        "rank " + std::to_string(rank) + " holds " + std::to_string(held) + what + " at once, but " +
                            std::string(row.name) + " states at most " + std::to_string(most)});
    };
    check(peak_live_forwards(program.ranks[rank]), bound.forwards, " live forwards");
    check(peak_deferred_weights(program.ranks[rank]), bound.deferred, " deferred weight gradients");
  }
  return faults;
}

// In groups of as many microbatches as there are ranks, which keeps all of them busy; of a group one stage after the
// other: then (group, stage, microbatch) grows along every dependency and along every rank's order, so nothing can wait
// in a circle.
Program forward_only(const Program& trained, int microbatches_per_direction) {
  Program program = trained;
  program.num_microbatches = microbatches_per_direction * trained.num_directions;
  const int group = static_cast<int>(trained.ranks.size());
  for (RankProgram& rank : program.ranks) {
    rank.instructions.clear();
    std::vector<std::uint8_t> phases(rank.chunks.size());
    std::iota(phases.begin(), phases.end(), std::uint8_t{0});
    std::stable_sort(phases.begin(), phases.end(),
                     [&](auto a, auto b) { return rank.chunks[a].stage < rank.chunks[b].stage; });
    for (int first = 0; first < microbatches_per_direction; first += group) {
      const int end = std::min(first + group, microbatches_per_direction);
      for (const std::uint8_t phase : phases)
        for (int microbatch = first; microbatch < end; ++microbatch)
          rank.instructions.push_back({{Kind::forward, phase, microbatch}, std::nullopt});
    }
  }
  return program;
}

}  // namespace dsrun
