// The checker: no Program runs before it passes (S-1). It proves
//   - completeness: each phase forwards and backwards each microbatch once (B, or I and later W);
//   - order: a backward comes after its own forward; a W comes after its I and names the head of the rank's FIFO, which
//     ends empty;
//   - placement: every direction has every stage exactly once;
//   - freedom from deadlock, where an interleaved pair is one unit that needs both halves' inputs and has its outputs
//     at its end. So it holds for any order of communication within the pair. It holds for expert groups too: all
//     members have the same pipeline index and run the same instructions in the same order. So an instruction that
//     waits for its peers' same instruction adds no circle.
#pragma once

#include <string>
#include <vector>

#include "runtime/schedule/program.hpp"

namespace dsrun {

struct ProgramFault {
  int rank;             // -1: the Program as a whole
  int instruction;      // index; the rank's instruction count where something is missing; -1: not about one
  std::string message;  // names the rank, the instruction and its text
};

// Every fault found; none: the Program may run. With `forward_only`, each phase must only forward (schedule.hpp).
// Faults of one kind hide those they would cause: placement, then each rank by itself, then deadlock.
std::vector<ProgramFault> check_program(const Program& program, bool forward_only = false);

}  // namespace dsrun
