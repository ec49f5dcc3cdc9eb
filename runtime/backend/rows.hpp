// RowFunctions: how a backend moves rows between tokens and experts, for dispatch, combine and their gradients, on each
// side of the wire. See runtime/device/exchange/routing.hpp for the plans. Sums are computed in the wide type, in a
// fixed order, and cast once.
#pragma once

#include <span>

#include "runtime/device/exchange/routing.hpp"
#include "runtime/memory/tensor.hpp"

namespace dsrun {

struct RowFunctions {
  // Sender: message row i = x_TD row plan.tokens[i].
  void (*pack_rows)(const TensorView& x, const SendPlan& plan, const TensorView& message);
  // Receiver: rows_RD row pair_dest[j] = message row pair_row[j].
  void (*expand_rows)(const TensorView& message, const ReceivePlan& plan, const TensorView& rows);
  // Receiver: message row i = Σ of its pairs' rows, in the order of local experts.
  void (*reduce_rows)(const TensorView& rows, const ReceivePlan& plan, const TensorView& message);
  // Sender, or relay: z_TD row t = Σ over destinations, in their order, of t's message row, + addend (null, or z
  // itself).
  void (*sum_messages)(std::span<const TensorView> by_destination, std::span<const SendPlan> sends, const TensorView& z,
                       const TensorView& addend);

  // Gates, one per pair: gates_TK → [pairs] → row_gates_R1, and their gradients back on the same way.
  void (*pack_gates)(const TensorView& gates, const SendPlan& plan, const TensorView& pairs);
  void (*expand_gates)(const TensorView& pairs, const ReceivePlan& plan, const TensorView& row_gates);
  void (*collect_gates)(const TensorView& row_gates, const ReceivePlan& plan, const TensorView& pairs);
  void (*scatter_gates)(const TensorView& pairs, const SendPlan& plan, const TensorView& gates);
  // Relay: a counterpart's gates [pairs] → the gates that one member gets, and gradients back on the same way.
  void (*pick_gates)(const TensorView& gates, const SendPlan& plan, const TensorView& pairs);
  void (*place_gates)(const TensorView& pairs, const SendPlan& plan, const TensorView& gates);
};

}  // namespace dsrun
