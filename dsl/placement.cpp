#include "dsl/placement.hpp"

#include <algorithm>
#include <map>

namespace dsrun {

Placement::Placement(const ClusterSpec& cluster) {
  std::map<std::string, int> nodes_on, named;  // by host
  for (const NodeSpec& spec : cluster.nodes) nodes_on[spec.host] += spec.count;
  int rank = 0;
  for (const NodeSpec& spec : cluster.nodes)
    for (int copy = 0; copy < spec.count; ++copy) {
      first_rank_.push_back(rank);
      rank += spec.devices;
      hosts_.push_back(nodes_on[spec.host] == 1 ? spec.host : spec.host + "-" + std::to_string(named[spec.host]++));
    }
}

int Placement::node_of(int rank) const {
  return static_cast<int>(std::upper_bound(first_rank_.begin(), first_rank_.end(), rank) - first_rank_.begin()) - 1;
}

}  // namespace dsrun
