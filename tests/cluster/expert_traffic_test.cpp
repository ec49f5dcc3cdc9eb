// Expected copies of rows against what a simulated router sends.
#include "cluster/traffic/expert_traffic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "tests/cluster/small_layout.hpp"

namespace dsrun {
namespace {

// Experts of a token: groups first, then experts among theirs, each choice alike.
std::vector<int> choose(const ModelSpec& model, std::mt19937& random) {
  const int group = model.experts / model.expert_groups;
  std::vector<int> groups(static_cast<std::size_t>(model.expert_groups));
  std::iota(groups.begin(), groups.end(), 0);
  std::shuffle(groups.begin(), groups.end(), random);
  std::vector<int> experts;
  for (int g = 0; g < model.groups_per_token; ++g)
    for (int e = 0; e < group; ++e) experts.push_back(groups[static_cast<std::size_t>(g)] * group + e);
  std::shuffle(experts.begin(), experts.end(), random);
  experts.resize(static_cast<std::size_t>(model.experts_per_token));
  return experts;
}

Job sixty_four() {
  Job job = test::layout_job("1f1b", 1, 64, 64);
  job.model.experts = 256;
  job.model.experts_per_token = 8;
  job.model.expert_groups = 8;
  job.model.groups_per_token = 4;
  job.batch.sequences = 64;
  job.batch.microbatches = 1;
  job.cluster.nodes = {{"node", 8, "h800", 8}};
  job.parallel.layers_per_stage.clear();
  return job;
}

TEST(ExpertTraffic, expects_what_a_router_would_send) {
  const Job job = sixty_four();
  const Plan plan = make_plan(job);
  EXPECT_TRUE(plan.two_hop) << "eight devices on each of eight nodes";
  std::mt19937 random(7);
  constexpr int tokens = 40000;
  double here = 0, members = 0, nodes = 0, passed_on = 0;
  for (int t = 0; t < tokens; ++t) {
    std::set<int> met_members, met_nodes;
    for (const int expert : choose(job.model, random)) {
      met_members.insert(expert / 4);
      met_nodes.insert(expert / 32);
    }
    here += static_cast<double>(met_members.count(0)) / tokens;
    members += static_cast<double>(met_members.size()) / tokens;
    nodes += static_cast<double>(met_nodes.size() - met_nodes.count(0)) / tokens;
    passed_on +=
        static_cast<double>(std::count_if(met_members.begin(), met_members.end(), [](int m) { return m % 8 != 0; })) /
        tokens;
  }
  const RowCopies copies = row_copies(plan, 0);
  EXPECT_NEAR(copies.here, here, 0.01);
  EXPECT_NEAR(copies.members, members, 0.02);
  EXPECT_NEAR(copies.network, nodes, 0.02);
  EXPECT_NEAR(copies.local(), passed_on, 0.03) << "all but those whose relay has the expert itself";
  Job straight = job;
  straight.parallel.dispatch = Dispatch::direct;
  const RowCopies direct = row_copies(make_plan(straight), 0);
  EXPECT_GT(direct.network, copies.network) << "without the second hop rows cross the network once a member";
}

TEST(ExpertTraffic, holding_probability_of_whole_groups_and_of_all) {
  const ModelSpec model = sixty_four().model;
  EXPECT_NEAR(holding_probability(model, 256), 1, 1e-12);
  EXPECT_LT(holding_probability(model, 32), holding_probability(model, 64));
  std::mt19937 random(8);
  double met = 0;
  for (int t = 0; t < 40000; ++t) {
    const std::vector<int> experts = choose(model, random);
    met += std::any_of(experts.begin(), experts.end(), [](int e) { return e < 64; }) ? 1.0 / 40000 : 0;
  }
  EXPECT_NEAR(holding_probability(model, 64), met, 0.01);
}

}  // namespace
}  // namespace dsrun
