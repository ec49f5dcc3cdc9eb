#include "runtime/device/exchange/exchange.hpp"

#include "runtime/check.hpp"
#include "runtime/device/exchange/exchange_step.hpp"
#include "runtime/device/parameters/element_types.hpp"
#include "runtime/device/strand.hpp"

namespace dsrun {
namespace {

const OpNode& node_of(const DeviceContext& context, const Frame& frame, const OpStep& step) {
  return at(at(context.plan->stages, frame.stage).graph.nodes, step.node);
}

Movement movement_of(const DeviceContext& context, const Frame& frame, const OpStep& step) {
  return movement(at(context.plan->stages, frame.stage).graph, step);
}

}  // namespace

Tag exchange_tag(const DeviceContext& context, const Frame& frame, const OpStep& step, Peer from) {
  Tag tag = context.tag(Traffic::exchange, frame.stage);
  tag.direction = frame.direction;
  tag.microbatch = frame.microbatch;
  tag.node = step.node;
  tag.pass = step.pass;
  tag.hop = from.hop;
  tag.source = context.plan->mesh.expert_member(context.rank, from.member);
  return tag;
}

const std::vector<Peer>& awaited_peers(const DeviceContext& context, const Frame& frame, const OpStep& step) {
  return context.routes.awaited(goes_to_experts(movement_of(context, frame, step)), step.part);
}

void run_exchange(DeviceContext& context, Inbox& inbox, Frame& frame, const OpStep& step) {
  using Run = void (*)(ExchangeStep&);
  constexpr Run counts[] = {send_routing, relay_routing, receive_routing};
  constexpr Run scatter[] = {start_scatter, relay_scatter, finish_scatter};
  constexpr Run gather[] = {start_gather, relay_gather, finish_gather};
  const Movement moves = movement_of(context, frame, step);
  const auto part = static_cast<std::size_t>(step.part) - static_cast<std::size_t>(Part::start);
  ExchangeStep exchange(context, inbox, frame, step);
  (moves == Movement::announce ? counts : moves == Movement::scatter ? scatter : gather)[part](exchange);
}

RowMessage RowMessage::part(RowCount first, RowCount size) const {
  return {rows.rows_from(first.rows, size.rows), gates ? gates.columns_from(first.pairs, size.pairs) : gates};
}

ExchangeStep::ExchangeStep(DeviceContext& the_context, Inbox& the_inbox, Frame& the_frame, const OpStep& the_step)
    : context(the_context),
      inbox(the_inbox),
      frame(the_frame),
      step(the_step),
      node(node_of(context, frame, step)),
      routing(at(frame.routing, node.moe)),
      routes(context.routes),
      bytes(transfer_bytes(at(context.plan->stages, frame.stage).graph, step, context.plan->job.precision.compute)) {}

TensorView ExchangeStep::view(ValueId id) const { return value_view(context, frame, id); }

void ExchangeStep::send(Peer to, Buffer payload) {
  const Tag tag = exchange_tag(context, frame, step, {routes.self, to.hop});
  context.send(context.plan->mesh.expert_member(context.rank, to.member), tag, std::move(payload));
}

void ExchangeStep::send_rows(Peer to, Buffer payload, std::int64_t num_rows) {
  if (to.member != routes.self)
    context.sent.add_rows(context.way_to(context.plan->mesh.expert_member(context.rank, to.member)), num_rows);
  send(to, std::move(payload));
}

Buffer ExchangeStep::receive_any(Peer from) {
  Buffer buffer = inbox.take(exchange_tag(context, frame, step, from));
  buffer.charge(context.pool, MemoryClass::messages);
  return buffer;
}

Buffer ExchangeStep::receive(Peer from, RowCount size) {
  Buffer buffer = receive_any(from);
  const std::int64_t expected = message_bytes(bytes, size);
  const auto received = static_cast<std::int64_t>(buffer.size());
  if (received != expected)
    throw MessageError(*context.plan, exchange_tag(context, frame, step, from), {expected, expected}, received);
  return buffer;
}

Buffer ExchangeStep::make(RowCount size) {
  return context.pool->allocate(static_cast<std::size_t>(message_bytes(bytes, size)), MemoryClass::messages);
}

RowMessage ExchangeStep::open(const Buffer& buffer, RowCount size) const {
  const Precision precision = context.plan->job.precision.compute;
  RowMessage message;
  const std::int64_t cols = at(at(context.plan->stages, frame.stage).graph.values, node.inputs[0]).cols;
  message.rows = matrix(buffer.data(), compute_dtype(precision), size.rows, cols);
  if (with_gates())
    message.gates = matrix(buffer.data() + rows_bytes(bytes, size), wide_dtype(precision), 1, size.pairs);
  return message;
}

RowCount ExchangeStep::size_of(const SendPlan& plan) const {
  return {static_cast<std::int64_t>(plan.tokens.size()), static_cast<std::int64_t>(plan.pair_row.size())};
}

RowCount ExchangeStep::size_of(const ReceivePlan& plan) const {
  return {plan.num_rows, static_cast<std::int64_t>(plan.pair_row.size())};
}

RowCount ExchangeStep::size_of(const ExpertRoutes::In& in) const {
  RowCount all;
  for (const int origin : in.origins) all += size_of(at(routing.receives, origin));
  return all;
}

}  // namespace dsrun
