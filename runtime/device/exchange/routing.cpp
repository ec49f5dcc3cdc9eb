#include "runtime/device/exchange/routing.hpp"

#include <algorithm>

namespace dsrun {

std::vector<SendPlan> plan_sends(const std::vector<int>& first_expert, const std::int32_t* indices, std::int64_t tokens,
                                 int experts_per_token) {
  std::vector<SendPlan> sends(first_expert.size() - 1);
  std::vector<std::int32_t> slots(static_cast<std::size_t>(experts_per_token));
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::int32_t* chosen = indices + t * experts_per_token;
    for (int k = 0; k < experts_per_token; ++k) slots[static_cast<std::size_t>(k)] = k;
    std::sort(slots.begin(), slots.end(), [&](std::int32_t a, std::int32_t b) { return chosen[a] < chosen[b]; });
    std::size_t destination = 0;
    for (const std::int32_t slot : slots) {
      while (chosen[slot] >= first_expert[destination + 1]) ++destination;
      SendPlan& plan = sends[destination];
      if (plan.tokens.empty() || plan.tokens.back() != t) plan.tokens.push_back(static_cast<std::int32_t>(t));
      plan.pair_row.push_back(static_cast<std::int32_t>(plan.tokens.size()) - 1);
      plan.pair_expert.push_back(chosen[slot] - first_expert[destination]);
      plan.pair_slot.push_back(slot);
    }
  }
  return sends;
}

RelayPlan plan_relay(std::int32_t num_rows, std::span<const std::int32_t> pair_row,
                     std::span<const std::int32_t> pair_expert, std::size_t num_members, int local_experts) {
  RelayPlan relay{num_rows, static_cast<std::int32_t>(pair_row.size()), std::vector<SendPlan>(num_members)};
  for (std::size_t j = 0; j < pair_row.size(); ++j) {
    SendPlan& plan = relay.sends[static_cast<std::size_t>(pair_expert[j] / local_experts)];
    if (plan.tokens.empty() || plan.tokens.back() != pair_row[j]) plan.tokens.push_back(pair_row[j]);
    plan.pair_row.push_back(static_cast<std::int32_t>(plan.tokens.size()) - 1);
    plan.pair_expert.push_back(pair_expert[j] % local_experts);
    plan.pair_slot.push_back(static_cast<std::int32_t>(j));
  }
  return relay;
}

// Counting sort by (local expert, member, pair): pairs of a member are in token order already.
void plan_receives(Routing& routing) {
  const auto experts = static_cast<std::size_t>(routing.local_experts);
  routing.offsets.assign(experts + 1, 0);
  for (const ReceivePlan& plan : routing.receives)
    for (const std::int32_t expert : plan.pair_expert) ++routing.offsets[static_cast<std::size_t>(expert) + 1];
  for (std::size_t e = 0; e < experts; ++e) routing.offsets[e + 1] += routing.offsets[e];
  std::vector<std::int64_t> next(routing.offsets.begin(), routing.offsets.end() - 1);
  for (ReceivePlan& plan : routing.receives) {
    plan.pair_dest.resize(plan.pair_expert.size());
    for (std::size_t j = 0; j < plan.pair_expert.size(); ++j)
      plan.pair_dest[j] = static_cast<std::int32_t>(next[static_cast<std::size_t>(plan.pair_expert[j])]++);
  }
}

}  // namespace dsrun
