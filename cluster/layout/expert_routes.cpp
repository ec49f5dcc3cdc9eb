#include "cluster/layout/expert_routes.hpp"

#include "cluster/plan.hpp"

namespace dsrun {
namespace {

struct NodeMembers {
  int first = 0, count = 0;
};

// The group's members by node: runs, as ranks are placed in order.
std::vector<NodeMembers> members_by_node(const Plan& plan, int rank) {
  std::vector<NodeMembers> nodes;
  int last = -1;
  for (int m = 0; m < plan.mesh.expert; ++m) {
    const int node = plan.placement.node_of(plan.mesh.expert_member(rank, m));
    if (node != last) nodes.push_back({m, 0});
    ++nodes.back().count;
    last = node;
  }
  return nodes;
}

void fill_awaited(ExpertRoutes& routes) {
  const auto of = [&](Part part, bool scatters) -> std::vector<Peer>& {
    return routes.awaited_by[static_cast<std::size_t>(part)][scatters ? 1 : 0];
  };
  for (const int member : routes.counterparts) of(Part::relay, true).push_back({member, Hop::first});
  for (const int member : routes.node) of(Part::relay, false).push_back({member, Hop::first});
  for (const ExpertRoutes::In& each : routes.in) of(Part::finish, true).push_back(each.peer);
  for (const ExpertRoutes::Out& each : routes.out) of(Part::finish, false).push_back(each.back());
}

}  // namespace

ExpertRoutes expert_routes(const Plan& plan, int rank) {
  ExpertRoutes routes;
  routes.self = plan.mesh.expert_index(rank);
  routes.num_members = plan.mesh.expert;
  const std::vector<NodeMembers> nodes =
      plan.two_hop ? members_by_node(plan, rank) : std::vector<NodeMembers>{{0, plan.mesh.expert}};
  NodeMembers own;
  for (const NodeMembers& node : nodes)
    if (routes.self >= node.first && routes.self < node.first + node.count) own = node;
  const int place = routes.self - own.first;
  for (const NodeMembers& node : nodes) {
    if (node.first == own.first) {
      for (int m = node.first; m < node.first + node.count; ++m) routes.out.push_back({{m, Hop::direct}, m, 1});
      continue;
    }
    routes.out.push_back({{node.first + place, Hop::first}, node.first, node.count});
    routes.counterparts.push_back(node.first + place);
  }
  const bool relays = !routes.counterparts.empty();
  for (int m = own.first; m < own.first + own.count; ++m) {
    if (!relays) continue;
    routes.node.push_back(m);
    ExpertRoutes::In second{{m, Hop::second}, {}};
    for (const NodeMembers& node : nodes)
      if (node.first != own.first) second.origins.push_back(node.first + m - own.first);
    routes.in.push_back(std::move(second));
  }
  for (int m = own.first; m < own.first + own.count; ++m) routes.in.push_back({{m, Hop::direct}, {m}});
  fill_awaited(routes);
  return routes;
}

}  // namespace dsrun
