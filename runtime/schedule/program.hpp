// Program: what each rank does in one training step, as a value with a text form.
//
// A schedule is a pure function (schedule.hpp) from (P, M) to a Program; planner, executor, trace and console all read
// this one object. Standard library only: any layer may include this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dsrun {

// forward; full backward (input and weight gradients); input gradient only, its weight work pushed as one entry of the
// rank's FIFO; weight: pops one entry. Letters as in docs/decisions/0001: F, B, I, W.
enum class Kind : char { forward = 'F', backward = 'B', backward_input = 'I', weight = 'W' };

struct Half {
  Kind kind;
  std::uint8_t phase;  // which of the rank's stage chunks
  int microbatch;      // counted per phase from 0
  bool operator==(const Half&) const = default;
};

// One instruction; with `overlapped`, a forward interleaved with the full backward of another phase: F0.3&B1.1.
struct Instruction {
  Half first;
  std::optional<Half> overlapped;
  bool operator==(const Instruction&) const = default;
};

// The stage that a phase of a rank computes, and which way its microbatches travel.
struct Chunk {
  int stage;
  int direction;  // 0: microbatches enter at rank 0; 1: at rank P-1 (DualPipe only)
  bool operator==(const Chunk&) const = default;
};

struct RankProgram {
  std::vector<Chunk> chunks;  // by phase
  std::vector<Instruction> instructions;
  bool operator==(const RankProgram&) const = default;
};

struct Program {
  std::string schedule;
  int num_stages = 0;
  int num_directions = 1;          // 2: DualPipe; the step's microbatches are split evenly, direction 0 first
  int num_microbatches = 0;        // of the step, all directions
  std::vector<RankProgram> ranks;  // by pipeline index

  int microbatches_per_direction() const { return num_microbatches / num_directions; }
  bool operator==(const Program&) const = default;
};

std::string to_string(const Instruction& instruction);           // "F0.3&B1.1"
std::string to_string(const RankProgram& rank, int rank_index);  // "rank 0: F0.0 F0.1 …"
std::string to_string(const Program& program);                   // one line per rank, each ended by a newline

// Reads one rank's instructions, such as "F0.0 F0.3&B1.1 W0.2"; nullopt and a message on a malformed word.
std::optional<std::vector<Instruction>> parse_instructions(const std::string& text, std::string& error);

}  // namespace dsrun
