#include "runtime/device/meter/step_rows.hpp"

#include "models/op_table.hpp"
#include "models/transfer.hpp"
#include "runtime/device/strand.hpp"

namespace dsrun {
namespace {

// A relay touches the rows of messages that come and of those that go on.
double relayed_rows(const Routing& routing) {
  double rows = 0;
  for (const RelayPlan& relay : routing.relays) {
    rows += relay.num_rows;
    for (const SendPlan& plan : relay.sends) rows += static_cast<double>(plan.tokens.size());
  }
  return rows;
}

// Else a transfer touches the rows that lie here, and the messages': those it sends, or those it receives.
double moved_rows(const DeviceContext& context, const OpNode& node, const Routing& routing, const OpStep& step) {
  const auto tokens = static_cast<double>(context.plan->tokens_per_microbatch());
  const Movement moves = movement(node.op, step.pass);
  if (moves == Movement::announce) return tokens * node.attributes.experts_per_token;
  if (step.part == Part::relay) return relayed_rows(routing);
  const bool with_tokens = works_on_tokens(moves, step.part);
  double rows = with_tokens ? tokens : static_cast<double>(routing.num_rows());
  if (with_tokens)
    for (const SendPlan& plan : routing.sends) rows += static_cast<double>(plan.tokens.size());
  else
    for (const ReceivePlan& plan : routing.receives) rows += plan.num_rows;
  return rows;
}

}  // namespace

double step_rows(const DeviceContext& context, const Frame& frame, const OpStep& step) {
  const StageSteps& stage = context.plan->stages[static_cast<std::size_t>(frame.stage)];
  const OpNode& node = stage.graph.nodes[static_cast<std::size_t>(step.node)];
  if (op_row(node.op).communicates())
    return moved_rows(context, node, frame.routing[static_cast<std::size_t>(node.moe)], step);
  const ValueId first = node.inputs.empty() ? node.outputs[0] : node.inputs[0];
  return static_cast<double>(value_rows(context, frame, stage.values[static_cast<std::size_t>(first)], node.moe));
}

}  // namespace dsrun
