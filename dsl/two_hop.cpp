#include "dsl/two_hop.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

namespace dsrun {
namespace {

// Of each expert group that a node's first rank cuts: how many of its devices each node has, in order of nodes.
std::map<int, std::vector<int>> groups_over_nodes(const Job& job) {
  const Placement placement(job.cluster);
  const int size = job.parallel.expert;
  std::map<int, std::vector<int>> groups;
  for (int node = 1; node < placement.num_nodes(); ++node) {
    const int first = placement.first_rank(node), group = first / size * size;
    if (first == group) continue;
    std::vector<int>& devices = groups[group];
    if (devices.empty()) devices.push_back(first - group);
    const int end = node + 1 < placement.num_nodes() ? placement.first_rank(node + 1) : job.world_size();
    devices.push_back(std::min(end, group + size) - first);
  }
  return groups;
}

}  // namespace

std::string two_hop_fault(const Job& job) {
  const auto groups = groups_over_nodes(job);
  if (groups.empty()) return "each expert group lies within one node";
  for (const auto& [first, devices] : groups) {
    const auto [least, most] = std::minmax_element(devices.begin(), devices.end());
    if (*least != *most)
      return fmt::format("the expert group of ranks {} to {} does not have as many devices on each node: {} and {}",
                         first, first + job.parallel.expert - 1, *least, *most);
    if (*least == 1)
      return fmt::format("the expert group of ranks {} to {} has one device on each node", first,
                         first + job.parallel.expert - 1);
  }
  return {};
}

bool takes_two_hops(const Job& job) {
  if (job.parallel.dispatch == Dispatch::direct || job.model.moe_layers() == 0) return false;
  return job.parallel.dispatch == Dispatch::two_hop || two_hop_fault(job).empty();
}

}  // namespace dsrun
