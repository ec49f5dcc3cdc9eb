// What the planner, the passes and the executor need to know of each op, one row an op.
#pragma once

#include <array>
#include <cstdint>

#include "models/op.hpp"

namespace dsrun {

// A set of operand positions, as bits.
using Operands = std::uint8_t;
inline constexpr Operands operand(int index) { return static_cast<Operands>(1u << index); }

struct OpRow {
  Op op;
  std::string_view name;
  // What backward reads of the forward pass. Inputs and outputs not named here can be dropped after forward.
  Operands input_gradient_inputs;
  Operands input_gradient_outputs;
  Operands weight_gradient_inputs;
  Operands weight_gradient_outputs;
  Operands differentiable;  // inputs that a gradient flows to
  Operands with_gradient;   // outputs that a gradient comes back through
  bool has_params;
  bool communicates;          // takes two steps, start and finish, in both directions
  Operands forward_in_place;  // inputs whose memory output 0 may take over when they die here
  bool backward_in_place;     // the gradient of input 0 may take over the gradient of output 0
};

const OpRow& op_row(Op op);

}  // namespace dsrun
