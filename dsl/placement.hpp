// Placement: which device of which node each rank is; ranks fill the nodes in order.
#pragma once

#include <string>
#include <vector>

#include "dsl/specs/cluster.hpp"

namespace dsrun {

class Placement {
 public:
  explicit Placement(const ClusterSpec& cluster);

  int num_nodes() const { return static_cast<int>(first_rank_.size()); }
  int first_rank(int node) const { return first_rank_[static_cast<std::size_t>(node)]; }
  int node_of(int rank) const;
  int device_of(int rank) const { return rank - first_rank(node_of(rank)); }
  bool same_node(int a, int b) const { return node_of(a) == node_of(b); }
  // A number distinguishes nodes of one host, or of one entry's `count`: "localhost-0", "localhost-1".
  std::string host(int node) const { return hosts_[static_cast<std::size_t>(node)]; }

 private:
  std::vector<int> first_rank_;  // by node, ascending
  std::vector<std::string> hosts_;
};

}  // namespace dsrun
