// Transfers: which way the messages of a communication step go, and how many bytes they carry. The rules come from the
// `transfer` column of the op table. Executor, memory plan, traffic plan and replay use these functions.
#pragma once

#include "models/op_table.hpp"
#include "models/passes/steps.hpp"

namespace dsrun {

// Gradients move in the opposite direction.
constexpr Movement movement(Op op, Pass pass) {
  const Movement forward = op_row(op).transfer.forward;
  if (runs_forward(pass)) return forward;
  return forward == Movement::scatter ? Movement::gather : forward == Movement::gather ? Movement::scatter : forward;
}
inline Movement movement(const Graph& graph, const OpStep& step) {
  return movement(graph.nodes[static_cast<std::size_t>(step.node)].op, step.pass);
}

// Whether messages go from owners of tokens to owners of experts.
constexpr bool goes_to_experts(Movement movement) { return movement != Movement::gather; }

// Whether a start or finish step works on rows of this rank's tokens; else it works on rows of its experts.
constexpr bool works_on_tokens(Movement movement, Part part) {
  return (movement == Movement::scatter) == (part == Part::start);
}

// Bytes that messages carry.
struct TransferBytes {
  double row = 0;   // of a token's row; 0 if the messages have no rows
  double pair = 0;  // of a (row, expert) pair

  TransferBytes& operator+=(const TransferBytes& other) {
    row += other.row;
    pair += other.pair;
    return *this;
  }
};

// `dispatched`: with FP8, rows on their way to experts have FP8 elements; sums come back in the compute type (arXiv
// 2412.19437, section 3.3). FP8 is for planning only: devices here send the compute type.
TransferBytes transfer_bytes(const Graph& graph, const OpStep& step, Precision compute,
                             Products dispatched = Products::compute);

// The most bytes that one transfer of the graph's rows carries, and those of its announcement.
struct LargestTransfer {
  TransferBytes rows;
  TransferBytes announced;
};
LargestTransfer largest_transfer(const Graph& graph, Precision compute);

}  // namespace dsrun
