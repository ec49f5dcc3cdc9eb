#include "cluster/membership.hpp"

#include <utility>

#include "cluster/plan.hpp"

namespace dsrun {

std::vector<int> Membership::ranks_of(int host) const {
  std::vector<int> ranks;
  for (int rank = 0; rank < world(); ++rank)
    if (hosts[static_cast<std::size_t>(rank)] == host) ranks.push_back(rank);
  return ranks;
}

Membership membership_of(std::shared_ptr<const Plan> plan, std::uint32_t generation) {
  Membership membership{generation, std::move(plan), {}, {}};
  for (int rank = 0; rank < membership.plan->mesh.size(); ++rank)
    membership.hosts.push_back(membership.plan->placement.node_of(rank));
  return membership;
}

}  // namespace dsrun
