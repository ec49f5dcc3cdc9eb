// A whole Program with its placement as text: `dsrun plan --program-file` writes it, parallel.schedule_file reads it.
//
//     # a comment, to the end of the line
//     rank 0 stages 0 3<: F0.0 F0.1
//       F1.0                                  an indented line goes on with the rank above it
//     rank 1 stages 1 2<: …
//
// Ranks come in order. A rank's stages are its phases 0, 1, …; < marks a stage whose microbatches travel the other way,
// from the last rank to rank 0 (direction 1). If any stage has it, every stage must be in both directions. The number
// of stages, directions and microbatches follows from what is written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/schedule/checker.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// From 1; columns in bytes.
struct TextPlace {
  int line;
  int column;
};

struct TextFault {
  TextPlace at;
  std::string message;
};

// A Program that was read, and where its parts stand.
struct ProgramText {
  struct Rank {
    TextPlace at;
    std::vector<TextPlace> instructions;
  };
  Program program;  // named "file"; not checked
  std::vector<Rank> ranks;

  // Where to look for a fault that check_program() found.
  TextPlace place_of(const ProgramFault& fault) const;
};

// nullopt: with at least one fault. Whatever the text is, what comes out is not much larger.
std::optional<ProgramText> read_program(std::string_view text, std::vector<TextFault>& faults);

std::string write_program(const Program& program);  // read_program() gives an equal one, but for its name

}  // namespace dsrun
