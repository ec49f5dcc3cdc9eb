// The messages of an expert group's exchanges, seen from all its members.
#include "cluster/layout/expert_routes.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "tests/cluster/small_layout.hpp"

namespace dsrun {
namespace {

using Message = std::tuple<int, int, Hop>;  // from, to, hop

Plan plan_on(const std::vector<int>& devices, int data, int expert, Dispatch dispatch = Dispatch::automatic) {
  Job job = test::layout_job("1f1b", 1, data, expert);
  job.model.experts = 16;
  job.cluster.nodes.clear();
  for (const int each : devices) job.cluster.nodes.push_back({"localhost", each, "cpu"});
  job.parallel.dispatch = dispatch;
  return make_plan(job);
}

struct Messages {
  std::set<Message> sent, awaited;
};

Messages messages_of(const Plan& plan, int group, bool scatters) {
  Messages all;
  for (int m = 0; m < plan.mesh.expert; ++m) {
    const ExpertRoutes routes = expert_routes(plan, group + m);
    EXPECT_EQ(routes.self, m);
    const auto send = [&](Peer to) { EXPECT_TRUE(all.sent.insert({m, to.member, to.hop}).second); };
    if (scatters)
      for (const ExpertRoutes::Out& out : routes.out) send(out.peer);
    else
      for (const ExpertRoutes::In& in : routes.in) send(in.back());
    for (const int member : scatters ? routes.node : routes.counterparts) send({member, Hop::second});
    for (const Part part : {Part::relay, Part::finish})
      for (const Peer& from : routes.awaited(scatters, part)) all.awaited.insert({from.member, m, from.hop});
    EXPECT_TRUE(routes.awaited(scatters, Part::start).empty());
  }
  return all;
}

const std::vector<std::tuple<std::vector<int>, int, int>> layouts = {
    {{4}, 4, 4}, {{2, 2}, 4, 4}, {{2, 2, 2, 2}, 8, 8}, {{4, 4}, 8, 8}, {{4, 4}, 8, 4}, {{6, 6}, 12, 4}, {{1, 3}, 4, 4}};

TEST(ExpertRoutes, what_is_sent_is_what_is_awaited) {
  for (const auto& [devices, data, expert] : layouts)
    for (const Dispatch dispatch : {Dispatch::automatic, Dispatch::direct}) {
      const Plan plan = plan_on(devices, data, expert, dispatch);
      for (int group = 0; group < data; group += expert)
        for (const bool scatters : {true, false}) {
          SCOPED_TRACE(testing::Message() << devices.size() << " nodes, group " << group << " scatters " << scatters);
          const Messages messages = messages_of(plan, group, scatters);
          EXPECT_EQ(messages.sent, messages.awaited);
        }
    }
}

TEST(ExpertRoutes, cross_to_each_node_once_and_between_counterparts_alone) {
  for (const auto& [devices, data, expert] : layouts) {
    const Plan plan = plan_on(devices, data, expert);
    if (!plan.two_hop) continue;
    for (int group = 0; group < data; group += expert)
      for (const bool scatters : {true, false}) {
        std::map<std::pair<int, int>, int> crossing;  // (from, to node)
        for (const auto& [from, to, hop] : messages_of(plan, group, scatters).sent) {
          if (plan.placement.same_node(group + from, group + to)) continue;
          const std::pair way(from, plan.placement.node_of(group + to));
          EXPECT_EQ(++crossing[way], 1);
          const auto place = [&](int member) {
            int first = member;
            while (first > 0 && plan.placement.same_node(group + first - 1, group + member)) --first;
            return member - first;
          };
          EXPECT_EQ(place(from), place(to));
        }
      }
  }
}

// Every member's experts and every member's tokens are in one message each.
TEST(ExpertRoutes, reach_every_member_once) {
  for (const auto& [devices, data, expert] : layouts) {
    const Plan plan = plan_on(devices, data, expert);
    for (int rank = 0; rank < data; ++rank) {
      const ExpertRoutes routes = expert_routes(plan, rank);
      int next = 0;
      for (const ExpertRoutes::Out& out : routes.out) {
        EXPECT_EQ(out.first_member, next) << "in order of members: what sums are made in";
        next += out.num_members;
      }
      EXPECT_EQ(next, expert);
      std::multiset<int> origins;
      for (const ExpertRoutes::In& in : routes.in) origins.insert(in.origins.begin(), in.origins.end());
      std::multiset<int> all;
      for (int m = 0; m < expert; ++m) all.insert(m);
      EXPECT_EQ(origins, all);
    }
  }
}

TEST(TwoHop, is_chosen_where_groups_have_several_devices_on_each_of_several_nodes) {
  const auto chosen = [](const std::vector<int>& devices, int data, int expert) {
    return plan_on(devices, data, expert).two_hop;
  };
  EXPECT_TRUE(chosen({2, 2}, 4, 4));
  EXPECT_TRUE(chosen({4, 4}, 8, 8));
  EXPECT_TRUE(chosen({6, 6}, 12, 4)) << "one group lies on both nodes, two of its devices on each";
  EXPECT_FALSE(chosen({4}, 4, 4));
  EXPECT_FALSE(chosen({4, 4}, 8, 4)) << "within a node each";
  EXPECT_FALSE(chosen({1, 1, 1, 1}, 4, 4));
  EXPECT_FALSE(chosen({1, 3}, 4, 4));
  EXPECT_FALSE(plan_on({2, 2}, 4, 4, Dispatch::direct).two_hop);
}

TEST(Placement, tells_nodes_of_one_host_apart) {
  const Placement placement(plan_on({2, 2}, 4, 4).job.cluster);
  EXPECT_EQ(placement.num_nodes(), 2);
  EXPECT_EQ(placement.host(1), "localhost-1");
  EXPECT_EQ(placement.node_of(1), 0);
  EXPECT_EQ(placement.node_of(2), 1);
  EXPECT_EQ(placement.device_of(3), 1);
  ClusterSpec cluster;
  cluster.nodes = {{"near", 1, "cpu"}, {"far", 2, "cpu", 2}};
  EXPECT_EQ(Placement(cluster).host(0), "near");
  EXPECT_EQ(Placement(cluster).host(2), "far-1");
}

}  // namespace
}  // namespace dsrun
