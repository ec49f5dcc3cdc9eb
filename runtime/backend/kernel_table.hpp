// The contract between the executor and the kernels: a backend has one KernelRow for each op, with three functions.
//
// forward fills outputs from inputs. backward_input turns grad_outputs into grad_inputs. backward_weight turns
// grad_outputs into param_grads. A backward function gets the forward values that models/op_table.hpp says it needs;
// the others are null. Communication ops (exchange_counts, dispatch, combine) have no row functions: the executor moves
// their rows with RowFunctions (runtime/backend/rows.hpp).
#pragma once

#include <array>

#include "models/op.hpp"
#include "runtime/backend/kernel.hpp"

namespace dsrun {

struct KernelRow {
  Op op;
  KernelFunction forward;
  KernelFunction backward_input;   // null: nothing to do (embed)
  KernelFunction backward_weight;  // null: no parameters
};

// In the order of enum class Op.
using KernelTable = std::array<KernelRow, num_ops>;

}  // namespace dsrun
