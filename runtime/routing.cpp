#include "runtime/routing.hpp"

#include <algorithm>

namespace dsrun {

void plan_sends(Routing& routing, const std::int32_t* indices, std::int64_t tokens, int experts_per_token) {
  routing.sends.assign(static_cast<std::size_t>(routing.group_size), {});
  std::vector<std::int32_t> slots(static_cast<std::size_t>(experts_per_token));
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::int32_t* chosen = indices + t * experts_per_token;
    for (int k = 0; k < experts_per_token; ++k) slots[static_cast<std::size_t>(k)] = k;
    std::sort(slots.begin(), slots.end(), [&](std::int32_t a, std::int32_t b) { return chosen[a] < chosen[b]; });
    for (const std::int32_t slot : slots) {
      SendPlan& plan = routing.sends[static_cast<std::size_t>(chosen[slot] / routing.local_experts)];
      if (plan.tokens.empty() || plan.tokens.back() != t) plan.tokens.push_back(static_cast<std::int32_t>(t));
      plan.pair_row.push_back(static_cast<std::int32_t>(plan.tokens.size()) - 1);
      plan.pair_expert.push_back(chosen[slot] % routing.local_experts);
      plan.pair_slot.push_back(slot);
    }
  }
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
