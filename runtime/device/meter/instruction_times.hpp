// InstructionTimes: how long a rank's instructions took, by kind, and what they waited for, to compare with what a plan
// predicts.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/schedule/instruction_kind.hpp"

namespace dsrun {

// Sums over all instructions of a kind, in seconds of the wall clock.
struct InstructionTimes {
  std::int64_t count = 0;
  double elapsed = 0;        // from the first op's start to the last op's end; contains `ops` and the waits in between
  double ops = 0;            // in ops, including packing and unpacking of rows
  double transfer_wait = 0;  // nothing ready: wait for rows of experts, which overlap did not hide
  double pipeline_wait = 0;  // nothing ready: for another stage's activations or gradients, nearly always at the start

  InstructionTimes& operator+=(const InstructionTimes& other) {
    count += other.count;
    elapsed += other.elapsed;
    ops += other.ops;
    transfer_wait += other.transfer_wait;
    pipeline_wait += other.pipeline_wait;
    return *this;
  }
};

// Times of one rank's round.
struct ProgramTimes {
  std::array<InstructionTimes, num_instruction_kinds> kinds{};
  double synchronisation = 0;       // gradient sums, update, gathering
  double synchronisation_wait = 0;  // in between, for other ranks' shards and the coordinator

  InstructionTimes& of(InstructionKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
  const InstructionTimes& of(InstructionKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  ProgramTimes& operator+=(const ProgramTimes& other) {
    for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] += other.kinds[i];
    synchronisation += other.synchronisation;
    synchronisation_wait += other.synchronisation_wait;
    return *this;
  }
};

}  // namespace dsrun
