#include "cluster/placement.hpp"

namespace dsrun {

Placement::Placement(const ClusterSpec& cluster) {
  for (const NodeSpec& spec : cluster.nodes)
    for (int copy = 0; copy < spec.count; ++copy) {
      const int node = num_nodes();
      first_rank_.push_back(static_cast<int>(node_of_.size()));
      hosts_.push_back(spec.count == 1 ? spec.host : spec.host + "-" + std::to_string(copy));
      node_of_.insert(node_of_.end(), static_cast<std::size_t>(spec.devices), node);
    }
}

}  // namespace dsrun
