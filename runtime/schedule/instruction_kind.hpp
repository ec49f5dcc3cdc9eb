// Kinds of instructions as forecasts, measurements and reports tell them apart.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

struct Instruction;

enum class InstructionKind : std::uint8_t { forward, backward, backward_input, weight, overlapped };
inline constexpr std::size_t num_instruction_kinds = num_enumerators<InstructionKind>();

InstructionKind kind_of(const Instruction& instruction);

// "F", "B", "I", "W", "F&B"
inline std::string_view kind_name(InstructionKind kind) {
  constexpr EnumNames<InstructionKind, num_instruction_kinds> names({{InstructionKind::forward, "F"},
                                                                     {InstructionKind::backward, "B"},
                                                                     {InstructionKind::backward_input, "I"},
                                                                     {InstructionKind::weight, "W"},
                                                                     {InstructionKind::overlapped, "F&B"}});
  return names[kind];
}

}  // namespace dsrun
