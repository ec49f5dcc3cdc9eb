// exchange_counts: each destination gets the (row, expert) pairs of the rows to come (routing_blocks.hpp). A relay
// takes the blocks of its counterparts, experts counted from the node's first, apart into blocks for the members of its
// node.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "runtime/check.hpp"
#include "runtime/device/exchange/exchange.hpp"
#include "runtime/device/exchange/exchange_step.hpp"
#include "runtime/device/exchange/routing_blocks.hpp"

namespace dsrun {
namespace {

void send_blocks(ExchangeStep& step, Peer to, std::span<const SendPlan* const> plans) {
  std::int64_t num_pairs = 0;
  for (const SendPlan* plan : plans) num_pairs += std::ssize(plan->pair_row);
  Buffer buffer = step.context.pool->allocate(static_cast<std::size_t>(routing_bytes(std::ssize(plans), num_pairs)),
                                              MemoryClass::messages);
  auto* out = reinterpret_cast<std::int32_t*>(buffer.data());
  for (const SendPlan* plan : plans) out = write_block(out, *plan);
  step.send(to, std::move(buffer));
}

// The blocks of a message that names `num_experts` experts. Throws MessageError where they contradict the plan.
std::vector<RoutingBlock> checked_blocks(const ExchangeStep& step, Peer from, const Buffer& buffer,
                                         std::size_t num_blocks, int num_experts) {
  constexpr std::size_t word = sizeof(std::int32_t);
  const Plan& plan = *step.context.plan;
  const RoutingLimits limits{static_cast<std::int32_t>(plan.tokens_per_microbatch()),
                             std::min(plan.job.model.experts_per_token, num_experts), num_experts};
  std::string fault = buffer.size() % word == 0 ? "" : fmt::format("{} bytes are no whole words", buffer.size());
  std::vector<RoutingBlock> blocks;
  if (fault.empty())
    blocks = read_blocks({reinterpret_cast<const std::int32_t*>(buffer.data()), buffer.size() / word}, num_blocks,
                         limits, fault);
  if (!fault.empty()) throw MessageError(plan, exchange_tag(step.context, step.frame, step.step, from), fault);
  return blocks;
}

void count_experts(ExchangeStep& step, const TensorView& indices) {
  DeviceContext& context = step.context;
  auto& counts = at(context.result.expert_counts, context.model_moe(step.frame.stage, step.node.moe));
  for (std::int64_t t = 0; t < indices.rows; ++t) {
    if (at(step.frame.batch.mask, t) == 0) continue;
    for (std::int64_t k = 0; k < indices.cols; ++k) ++at(counts, indices.row<std::int32_t>(t)[k]);
  }
  if (context.on_routing) context.on_routing(step.node.layer, indices);
}

}  // namespace

void send_routing(ExchangeStep& step) {
  std::vector<char> room;
  const TensorView indices = step.context.backend.fetch(step.view(step.node.inputs[0]), room);
  count_experts(step, indices);
  Routing& routing = step.routing;
  routing.local_experts = step.node.attributes.experts / step.routes.num_members;
  std::vector<int> first_expert = {0};
  for (const ExpertRoutes::Out& out : step.routes.out)
    first_expert.push_back((out.first_member + out.num_members) * routing.local_experts);
  routing.sends =
      plan_sends(first_expert, indices.as<std::int32_t>(), indices.rows, step.node.attributes.experts_per_token);
  for (std::size_t d = 0; d < routing.sends.size(); ++d) {
    const SendPlan* plan = &routing.sends[d];
    send_blocks(step, step.routes.out[d].peer, {&plan, 1});
  }
}

void relay_routing(ExchangeStep& step) {
  std::vector<RelayPlan>& relays = step.routing.relays;
  const std::vector<int>& members = step.routes.node;
  const int local_experts = step.routing.local_experts;
  relays.clear();
  for (const int counterpart : step.routes.counterparts) {
    const Peer from{counterpart, Hop::first};
    const Buffer buffer = step.receive_any(from);
    const auto num_experts = static_cast<int>(members.size()) * local_experts;
    const RoutingBlock block = checked_blocks(step, from, buffer, 1, num_experts)[0];
    relays.push_back(plan_relay(block.num_rows, block.pair_row, block.pair_expert, members.size(), local_experts));
  }
  for (std::size_t m = 0; m < members.size(); ++m) {
    std::vector<const SendPlan*> plans;
    for (const RelayPlan& relay : relays) plans.push_back(&relay.sends[m]);
    send_blocks(step, {members[m], Hop::second}, plans);
  }
}

void receive_routing(ExchangeStep& step) {
  Routing& routing = step.routing;
  routing.receives.assign(static_cast<std::size_t>(step.routes.num_members), {});
  for (const ExpertRoutes::In& from : step.routes.in) {
    const Buffer buffer = step.receive_any(from.peer);
    const std::vector<RoutingBlock> blocks =
        checked_blocks(step, from.peer, buffer, from.origins.size(), routing.local_experts);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const int origin = from.origins[b];
      ReceivePlan& plan = at(routing.receives, origin);
      plan.num_rows = blocks[b].num_rows;
      plan.pair_row.assign(blocks[b].pair_row.begin(), blocks[b].pair_row.end());
      plan.pair_expert.assign(blocks[b].pair_expert.begin(), blocks[b].pair_expert.end());
      if (origin != step.routes.self) step.context.result.rows_from_others += plan.num_rows;
    }
  }
  plan_receives(routing);
  step.context.result.rows_received += routing.num_rows();
}

}  // namespace dsrun
