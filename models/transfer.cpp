#include "models/transfer.hpp"

#include <algorithm>

namespace dsrun {

TransferBytes transfer_bytes(const Graph& graph, const OpStep& step, Precision compute, Products dispatched) {
  const OpNode& op = graph.nodes[static_cast<std::size_t>(step.node)];
  const Movement moves = movement(op.op, step.pass);
  const PairContent& pair = op_row(op.op).transfer.pair;
  TransferBytes bytes;
  bytes.pair = static_cast<double>(pair.count * element_bytes(pair.element, compute));
  if (moves != Movement::scatter && moves != Movement::gather) return bytes;
  const Value& row = graph.values[static_cast<std::size_t>(op.inputs[0])];
  const bool narrow = dispatched == Products::fp8 && moves == Movement::scatter;
  bytes.row = row.cols * (narrow ? fp8_element_bytes : static_cast<double>(element_bytes(row.element, compute)));
  return bytes;
}

LargestTransfer largest_transfer(const Graph& graph, Precision compute) {
  LargestTransfer most;
  OpStep step;
  for (step.node = 0; step.node < static_cast<int>(graph.nodes.size()); ++step.node) {
    const Movement moves = movement(graph, step);
    if (moves == Movement::none) continue;
    const TransferBytes bytes = transfer_bytes(graph, step, compute);
    TransferBytes& largest = moves == Movement::announce ? most.announced : most.rows;
    largest = {std::max(largest.row, bytes.row), std::max(largest.pair, bytes.pair)};
  }
  return most;
}

}  // namespace dsrun
