// The lanes of a schedule's chart. A lane is a forecast step cut into consecutive spans, from 0 to the step's end.
//
// Charts on a terminal and on a page draw these lanes. To chart a measured step, make the same lanes from its spans.
#pragma once

#include <string>
#include <vector>

#include "cluster/forecast/replay.hpp"
#include "cluster/plan.hpp"

namespace dsrun {

// What a lane shows: an instruction by kind, a part of the step's end, or nothing.
enum class ChartSign : std::uint8_t {
  forward,
  backward,
  backward_input,
  weight,
  overlapped,
  reduce,  // sums of gradients, with the waits for their messages
  update,
  gather,  // of new weights, likewise
  idle,
};
inline constexpr std::size_t num_chart_signs = 9;
std::string_view sign_name(ChartSign sign);  // "forward", "input gradient", …

struct ChartSpan {
  double from = 0, to = 0;  // seconds
  ChartSign sign = ChartSign::idle;
  int phase = 0;                            // of the instruction's first half
  int instruction = -1;                     // index in its rank's Program; -1: none
  Idle idle_cause = Idle::synchronisation;  // of idle spans
  double seconds() const { return to - from; }
};

struct ChartLane {
  std::size_t place = 0;  // in Replayed::ranks
  int first_rank = 0, num_ranks = 1;
  double idle_share = 0;
  std::vector<ChartSpan> spans;
  std::string ranks() const;  // "0" or "0–3"
};

std::vector<ChartLane> chart_lanes(const Replayed& replayed, const Plan& plan);

// An instruction's kind and microbatch without the phase: "F3" or "F3&B1".
std::string short_name(const Instruction& instruction);

// A step of the time axis, 1, 2 or 5 times a power of ten, so that about `wanted` of them make up `seconds`.
double nice_step(double seconds, int wanted);

}  // namespace dsrun
