#include "cluster/traffic/expert_traffic.hpp"

#include <algorithm>
#include <map>

namespace dsrun {
namespace {

// C(n − held, k) / C(n, k): that k distinct ones of n miss the held.
double missing_probability(double n, double held, int k) {
  double none = 1;
  for (int i = 0; i < k; ++i) none *= std::max(0.0, n - held - i) / (n - i);
  return none;
}

double binomial(int n, int k) {
  if (k < 0 || k > n) return 0;
  double value = 1;
  for (int i = 1; i <= k; ++i) value *= static_cast<double>(n - k + i) / i;
  return value;
}

}  // namespace

double holding_probability(const ModelSpec& model, int held) {
  const int group = model.experts / model.expert_groups, chosen = model.groups_per_token;
  const double reachable = static_cast<double>(group) * chosen;
  if (held <= group) {
    const double meets_group = static_cast<double>(chosen) / model.expert_groups;
    return meets_group * (1 - missing_probability(reachable, held, model.experts_per_token));
  }
  if (held % group != 0) return 1 - missing_probability(model.experts, held, model.experts_per_token);
  const int groups = held / group;
  double none = 0;
  for (int met = 0; met <= std::min(groups, chosen); ++met)
    none += binomial(groups, met) * binomial(model.expert_groups - groups, chosen - met) /
            binomial(model.expert_groups, chosen) *
            missing_probability(reachable, static_cast<double>(met) * group, model.experts_per_token);
  return 1 - none;
}

RowCopies row_copies(const Plan& plan, int rank) {
  const ModelSpec& model = plan.job.model;
  const int local_experts = model.experts / plan.mesh.expert;
  const double member = holding_probability(model, local_experts);
  const double pairs = static_cast<double>(model.experts_per_token) / plan.mesh.expert;
  std::map<int, int> members_on;  // node → members of the group
  for (int m = 0; m < plan.mesh.expert; ++m) ++members_on[plan.placement.node_of(plan.mesh.expert_member(rank, m))];
  RowCopies copies;
  copies.here = member;
  copies.members = member * plan.mesh.expert;
  for (const auto& [node, members] : members_on) {
    if (node == plan.placement.node_of(rank)) {
      copies.direct += member * (members - 1);
      copies.direct_pairs += pairs * (members - 1);
      continue;
    }
    copies.network_pairs += pairs * members;
    copies.network += plan.two_hop ? holding_probability(model, members * local_experts) : member * members;
    if (!plan.two_hop) continue;
    copies.relayed += member * (members - 1);
    copies.relayed_pairs += pairs * (members - 1);
    copies.kept += member;
  }
  return copies;
}

}  // namespace dsrun
