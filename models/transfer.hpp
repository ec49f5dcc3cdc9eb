// Transfers: which way the messages of a communication step go and how many bytes they carry. The rules behind them are
// the `transfer` column of the op table; executor, memory plan, traffic plan and replay ask here.
#pragma once

#include "models/op_table.hpp"
#include "models/passes/steps.hpp"

namespace dsrun {

// Gradients move the other way.
constexpr Movement movement(Op op, Pass pass) {
  const Movement forward = op_row(op).transfer.forward;
  if (runs_forward(pass)) return forward;
  return forward == Movement::scatter ? Movement::gather : forward == Movement::gather ? Movement::scatter : forward;
}
inline Movement movement(const Graph& graph, const Step& step) {
  return movement(graph.nodes[static_cast<std::size_t>(step.node)].op, step.pass);
}

// Whether messages go from owners of tokens to owners of experts.
constexpr bool goes_to_experts(Movement movement) { return movement != Movement::gather; }

// Whether a start or finish step reads or writes rows of this rank's tokens; else rows of its experts.
constexpr bool works_on_tokens(Movement movement, Part part) {
  return (movement == Movement::scatter) == (part == Part::start);
}

// Bytes that messages carry.
struct TransferBytes {
  double row = 0;   // of a token's row; 0 where none travels
  double pair = 0;  // of a (row, expert) pair

  TransferBytes& operator+=(const TransferBytes& other) {
    row += other.row;
    pair += other.pair;
    return *this;
  }
};

// `dispatched`: in FP8, rows on their way to experts are an FP8 element wide; sums come back in the compute type (arXiv
// 2412.19437, section 3.3). Planned for only: devices here send the compute type.
TransferBytes transfer_bytes(const Graph& graph, const Step& step, Precision compute,
                             Products dispatched = Products::compute);

// The most that one transfer of the graph's rows carries, with what announces them.
struct LargestTransfer {
  TransferBytes rows;
  TransferBytes announced;
};
LargestTransfer largest_transfer(const Graph& graph, Precision compute);

}  // namespace dsrun
