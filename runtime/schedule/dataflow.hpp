// What instructions need from each other: the one statement of F(m,s) <- F(m,s-1), B(m,s) <- B(m,s+1) and "the last
// stage's B <- its own loss" that checker, credits and replay share. A schedule with new dependencies extends this
// file.
#pragma once

#include <compare>
#include <optional>
#include <vector>

#include "runtime/schedule/program.hpp"

namespace dsrun {

// What a stage hands on for one microbatch: the activation its forward leaves, or the gradient of its input.
struct StageResult {
  bool gradient;
  int direction;
  int stage;
  int microbatch;
  auto operator<=>(const StageResult&) const = default;
};

// An instruction of a Program.
struct Position {
  int rank;
  int instruction;
  bool operator==(const Position&) const = default;
};

// All below: precondition, phases are within the rank's chunks.

// The result of a half; nullopt: weight gradients, which nothing within a step waits for.
std::optional<StageResult> output_of(const RankProgram& rank, const Half& half);

// The results a half must have before it can start; a backward needs its own stage's forward, too.
std::vector<StageResult> inputs_of(const Program& program, const RankProgram& rank, const Half& half);

// The same for a whole instruction, which is one atomic unit: with an interleaved pair, both halves' inputs.
std::vector<StageResult> outputs_of(const RankProgram& rank, const Instruction& instruction);
std::vector<StageResult> inputs_of(const Program& program, const RankProgram& rank, const Instruction& instruction);

// The rank that holds a stage of a direction; nullopt if none does.
std::optional<int> rank_of(const Program& program, int direction, int stage);

// The rank whose forward (backward) of the next (previous) stage reads a result; nullopt if none does.
std::optional<int> reader_of(const Program& program, const StageResult& result);

// An order in which the ranks can run their instructions, each after its inputs. It stops where no rank can go on, so
// the Program is free of deadlock exactly when every instruction is in it: executing one never disables another,
// therefore any order gets equally far.
std::vector<Position> runnable_order(const Program& program);

}  // namespace dsrun
