#include "runtime/schedule/instruction_kind.hpp"

#include "runtime/schedule/program.hpp"

namespace dsrun {

InstructionKind kind_of(const Instruction& instruction) {
  if (instruction.overlapped) return InstructionKind::overlapped;
  switch (instruction.first.kind) {
    case Kind::forward:
      return InstructionKind::forward;
    case Kind::backward:
      return InstructionKind::backward;
    case Kind::backward_input:
      return InstructionKind::backward_input;
    case Kind::weight:
      break;
  }
  return InstructionKind::weight;
}

}  // namespace dsrun
