// exchange_counts: each destination is told the rows to come as (row, expert) pairs. A message has a block for each
// origin of rows: how many rows, how many pairs, the pairs' rows, the pairs' experts, all int32. A relay takes the
// blocks of its counterparts, experts counted from the node's first, apart into blocks for the members of its node.
#include <algorithm>
#include <span>

#include "runtime/device/exchange/exchange_step.hpp"

namespace dsrun {
namespace {

constexpr std::size_t block_head = 2;  // rows, pairs
constexpr std::size_t pair_words = op_row(Op::exchange_counts).transfer.pair.count;
static_assert(pair_words == 2, "a pair's row and its expert");

std::size_t block_size(const SendPlan& plan) { return block_head + pair_words * plan.pair_row.size(); }

std::int32_t* write_block(std::int32_t* out, const SendPlan& plan) {
  *out++ = static_cast<std::int32_t>(plan.tokens.size());
  *out++ = static_cast<std::int32_t>(plan.pair_row.size());
  out = std::copy(plan.pair_row.begin(), plan.pair_row.end(), out);
  return std::copy(plan.pair_expert.begin(), plan.pair_expert.end(), out);
}

struct Block {
  std::int32_t num_rows;
  std::span<const std::int32_t> pair_row, pair_expert;
};

Block read_block(const std::int32_t*& in) {
  const auto pairs = static_cast<std::size_t>(in[1]);
  const Block block{in[0], {in + block_head, pairs}, {in + block_head + pairs, pairs}};
  in += block_head + pair_words * pairs;
  return block;
}

const std::int32_t* content(const Buffer& buffer) { return reinterpret_cast<const std::int32_t*>(buffer.data()); }

void send_blocks(ExchangeStep& step, Peer to, std::span<const SendPlan* const> plans) {
  std::size_t size = 0;
  for (const SendPlan* plan : plans) size += block_size(*plan);
  Buffer buffer = step.context.pool->allocate(size * sizeof(std::int32_t), MemoryClass::messages);
  auto* out = reinterpret_cast<std::int32_t*>(buffer.data());
  for (const SendPlan* plan : plans) out = write_block(out, *plan);
  step.send(to, std::move(buffer));
}

void count_experts(ExchangeStep& step, const TensorView& indices) {
  DeviceContext& context = step.context;
  const int layer = context.model_moe(step.frame.stage, step.node.moe);
  auto& counts = context.result.expert_counts[static_cast<std::size_t>(layer)];
  for (std::int64_t t = 0; t < indices.rows; ++t) {
    if (step.frame.batch.mask[static_cast<std::size_t>(t)] == 0) continue;
    for (std::int64_t k = 0; k < indices.cols; ++k) ++counts[static_cast<std::size_t>(indices.row<std::int32_t>(t)[k])];
  }
  if (context.on_routing) context.on_routing(step.node.layer, indices);
}

}  // namespace

void send_routing(ExchangeStep& step) {
  const TensorView indices = step.view(step.node.inputs[0]);
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
  relays.clear();
  for (const int counterpart : step.routes.counterparts) {
    const Buffer buffer = step.receive({counterpart, Hop::first});
    const std::int32_t* in = content(buffer);
    const Block block = read_block(in);
    relays.push_back(plan_relay(block.num_rows, block.pair_row, block.pair_expert, step.routes.node.size(),
                                step.routing.local_experts));
  }
  for (std::size_t m = 0; m < step.routes.node.size(); ++m) {
    std::vector<const SendPlan*> plans;
    for (const RelayPlan& relay : relays) plans.push_back(&relay.sends[m]);
    send_blocks(step, {step.routes.node[m], Hop::second}, plans);
  }
}

void receive_routing(ExchangeStep& step) {
  Routing& routing = step.routing;
  routing.receives.assign(static_cast<std::size_t>(step.routes.num_members), {});
  for (const ExpertRoutes::In& from : step.routes.in) {
    const Buffer buffer = step.receive(from.peer);
    const std::int32_t* in = content(buffer);
    for (const int origin : from.origins) {
      const Block block = read_block(in);
      ReceivePlan& plan = routing.receives[static_cast<std::size_t>(origin)];
      plan.num_rows = block.num_rows;
      plan.pair_row.assign(block.pair_row.begin(), block.pair_row.end());
      plan.pair_expert.assign(block.pair_expert.begin(), block.pair_expert.end());
      if (origin != step.routes.self) step.context.result.rows_from_others += block.num_rows;
    }
  }
  plan_receives(routing);
  step.context.result.rows_received += routing.num_rows();
}

}  // namespace dsrun
