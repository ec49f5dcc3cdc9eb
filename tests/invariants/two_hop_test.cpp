// Rows of experts in two hops between nodes: the numbers stay, the order of transfers is fixed, memory is planned for,
// and what crosses between nodes is each token's row once a node.
#include <gtest/gtest.h>

#include <set>

#include "cluster/memory/memory_plan.hpp"
#include "cluster/traffic/expert_traffic.hpp"
#include "runtime/calibration/random_tokens.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

struct TwoHopNumbers {
  std::vector<double> losses;
  Tensors weights;
};

TwoHopNumbers train_over_nodes(std::vector<std::string> overrides, const std::vector<std::string>& more,
                               std::uint64_t seed = 0) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  FakeClusterOptions options;
  options.seed = seed;
  options.random_delay_ns = seed == 0 ? 0 : 1'000'000;  // a thousand times an op
  FakeCluster cluster(small_job(overrides), small_corpus(20000, 0), options);
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  return {run.losses, cluster.gather_weights()};
}

void expect_near(const TwoHopNumbers& actual, const TwoHopNumbers& expected) {
  ASSERT_EQ(actual.losses.size(), expected.losses.size());
  for (std::size_t step = 0; step < expected.losses.size(); ++step)
    EXPECT_NEAR(actual.losses[step], expected.losses[step], 1e-9 * expected.losses[step]) << "step " << step;
  const Difference worst = worst_difference(expected.weights, actual.weights);
  EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
}

class TwoHop : public testing::TestWithParam<MeshCase> {};
INSTANTIATE_TEST_SUITE_P(Meshes, TwoHop, testing::ValuesIn(two_hop_cases()),
                         [](const auto& mesh) { return mesh.param.name; });

TEST(TwoHopNumbers, N1_fp64_losses_and_weights_of_20_steps_equal_one_device_and_direct_dispatch) {
  const TwoHopNumbers single = train_over_nodes({}, {"job.steps=20"});
  const auto direct = train_over_nodes(two_hop_cases()[0].overrides, {"job.steps=20", "parallel.dispatch=direct"});
  expect_near(direct, single);
  for (const MeshCase& mesh : two_hop_cases()) {
    SCOPED_TRACE(mesh.name);
    const TwoHopNumbers two_hop = train_over_nodes(mesh.overrides, {"job.steps=20", "parallel.dispatch=two_hop"});
    expect_near(two_hop, single);
    expect_near(two_hop, direct);
  }
}

// The test of the test: a relay that adds nothing up must be seen.
TEST(TwoHopNumbers, a_sum_that_a_relay_forgets_is_seen) {
  const auto overrides = two_hop_cases()[0].overrides;
  const Graph graph = make_plan(small_job(overrides)).stages[0].graph;
  FakeClusterOptions options;
  options.on_message = [&](int destination, TensorMessage& message) {
    const Tag& tag = message.tag;
    if (tag.hop != Hop::second || tag.source != 2 || destination != 0 || tag.microbatch != 1) return;
    if (graph.nodes.at(static_cast<std::size_t>(tag.node)).op != Op::exchange_counts)
      std::fill_n(message.payload.data(), message.payload.size(), 0);
  };
  FakeCluster cluster(small_job(overrides), small_corpus(20000, 0), options);
  ASSERT_FALSE(cluster.run().hung);
  EXPECT_GT(worst_difference(train_over_nodes(overrides, {}).weights, cluster.gather_weights()).relative, 1e-6);
}

TEST(TwoHopNumbers, N1_recomputation_changes_no_bit) {
  for (const MeshCase& mesh : two_hop_cases()) {
    SCOPED_TRACE(mesh.name);
    const TwoHopNumbers kept = train_over_nodes(mesh.overrides, {"job.steps=2"});
    const TwoHopNumbers again = train_over_nodes(mesh.overrides, {"job.steps=2", "memory.recompute=full"});
    EXPECT_EQ(again.losses, kept.losses);
    EXPECT_EQ(again.weights, kept.weights);
  }
}

TEST(TwoHopNumbers, N2_seeded_delivery_orders_give_equal_bits) {
  const auto cases = two_hop_cases();
  for (const MeshCase& mesh : {cases.front(), cases.back()})
    for (const char* precision : {"precision.compute=fp64", "precision.compute=bf16"}) {
      SCOPED_TRACE(mesh.name);
      const TwoHopNumbers calm = train_over_nodes(mesh.overrides, {"job.steps=2", precision});
      for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        const TwoHopNumbers late = train_over_nodes(mesh.overrides, {"job.steps=2", precision}, seed);
        EXPECT_EQ(late.losses, calm.losses) << "seed " << seed;
        EXPECT_EQ(late.weights, calm.weights) << "seed " << seed;
      }
    }
}

// With halves that run one after the other, values of T rows are exact; routed rows and messages are bounded.
TEST_P(TwoHop, M1_memory_is_as_planned_and_relays_are_counted) {
  for (const char* recompute : {"memory.recompute=[]", "memory.recompute=full"})
    for (const bool overlap : {false, true}) {
      auto overrides = GetParam().overrides;
      overrides.insert(overrides.end(), {"balance.load_factor=8", "job.steps=2", recompute,
                                         std::string("parallel.overlap=") + (overlap ? "true" : "false")});
      const Job job = small_job(overrides);
      FakeCluster cluster(job, small_corpus(20000, 0));
      ASSERT_FALSE(cluster.run().hung);
      const MemoryPlan planned = plan_memory(cluster.plan(), {});
      for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) {
        SCOPED_TRACE(testing::Message() << recompute << " overlap " << overlap << " rank " << rank);
        const MemoryUse use = cluster.device(rank).memory().use();
        const auto peak = [&](MemoryClass of) { return use.peak_of(of); };
        const RankMemory& plan = planned[static_cast<std::size_t>(rank)];
        EXPECT_EQ(peak(MemoryClass::weights), plan.weights);
        EXPECT_EQ(peak(MemoryClass::gradients), plan.gradients);
        EXPECT_EQ(peak(MemoryClass::optimizer), plan.optimizer);
        if (!overlap) {
          EXPECT_EQ(peak(MemoryClass::saved), plan.saved);
          EXPECT_EQ(peak(MemoryClass::working), plan.working);
        }
        EXPECT_LE(peak(MemoryClass::routed), plan.routed);
        EXPECT_LE(peak(MemoryClass::messages), plan.messages);
      }
    }
}

// Of uneven loads, planned for as usual: messages fit the bound, and would not without what is relayed.
TEST(TwoHopMemory, M1_the_bound_on_messages_needs_its_relays) {
  auto overrides = on_nodes_of_two(mesh_case("1f1b", 1, 8, 8, 1), 4).overrides;
  overrides.insert(overrides.end(), {"balance.load_factor=1.5", "job.steps=2"});
  const Job job = small_job(overrides);
  FakeClusterOptions options;
  options.seed = 1;
  options.random_delay_ns = 1'000'000;
  FakeCluster cluster(job, small_corpus(20000, 0), options);
  ASSERT_FALSE(cluster.run().hung);
  std::int64_t most = 0;
  for (int rank = 0; rank < 8; ++rank)
    most = std::max<std::int64_t>(most, cluster.device(rank).memory().use().peak_of(MemoryClass::messages));
  EXPECT_LE(most, plan_memory(cluster.plan(), {})[0].messages);
  overrides.push_back("parallel.dispatch=direct");
  EXPECT_GT(most, plan_memory(make_plan(small_job(overrides)), {})[0].messages);
}

// What rows of one step have to travel, counted from what each token chose.
struct Counted {
  std::int64_t rows_between = 0, rows_inside = 0;  // of one way
  std::int64_t pairs_between = 0;
  std::int64_t tokens = 0, layers_of_ranks = 0;
  int most_nodes = 0;  // that a token met

  void add(const Plan& plan, int rank, const TensorView& indices) {
    const int local = plan.job.model.experts / plan.mesh.expert;
    const ExpertRoutes routes = expert_routes(plan, rank);
    const auto node_of = [&](int member) { return plan.placement.node_of(plan.mesh.expert_member(rank, member)); };
    ++layers_of_ranks;
    for (std::int64_t t = 0; t < indices.rows; ++t) {
      std::set<int> members, nodes;
      for (std::int64_t k = 0; k < indices.cols; ++k) {
        const int member = indices.row<std::int32_t>(t)[k] / local;
        members.insert(member);
        nodes.insert(node_of(member));
        pairs_between += node_of(member) != node_of(routes.self);
      }
      ++tokens;
      most_nodes = std::max(most_nodes, static_cast<int>(nodes.size()));
      rows_between += static_cast<std::int64_t>(nodes.size() - nodes.count(node_of(routes.self)));
      for (const int member : members) {
        // Itself, or the counterpart that has the row already.
        const bool is_there = member % 2 == routes.self % 2;
        rows_inside += !is_there;
      }
    }
  }
};

struct Traffic {
  Counted counted;
  SentTraffic sent;
};

// Of the last step.
Traffic run_counted(const std::vector<std::string>& overrides) {
  FakeCluster cluster(small_job(overrides), std::make_shared<RandomTokens>(256, 1 << 16));
  Traffic traffic;
  std::uint64_t round = 0;
  for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank)
    cluster.device(rank).observe_routing([&, rank](int, const TensorView& indices) {
      if (cluster.device(rank).context().round.round != round) traffic.counted = {};
      round = cluster.device(rank).context().round.round;
      traffic.counted.add(cluster.plan(), rank, indices);
    });
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  traffic.sent = run.steps.back().sent;
  return traffic;
}

TEST_P(TwoHop, each_tokens_row_crosses_once_a_node_and_no_byte_more) {
  auto overrides = GetParam().overrides;
  overrides.push_back("job.steps=2");
  const auto [counted, sent] = run_counted(overrides);
  constexpr int ways = 4;  // dispatch, combine and their gradients
  const SentTraffic::OneWay& between = sent[Way::between_nodes];
  EXPECT_EQ(between.expert_rows, ways * counted.rows_between);
  EXPECT_EQ(sent[Way::inside_node].expert_rows, ways * counted.rows_inside);
  EXPECT_GT(counted.rows_between, 0);
  // A pair's gate goes out with dispatch and its gradient comes back; its row and expert are told ahead, behind two
  // counts a message.
  const Job job = small_job(overrides);
  const int others = job.parallel.expert / 2 - 1;  // nodes
  EXPECT_EQ(between.expert, between.expert_rows * job.model.hidden * 8 + counted.pairs_between * (2 * 8 + 8) +
                                counted.layers_of_ranks * others * 8);
  overrides.push_back("parallel.dispatch=direct");
  EXPECT_GT(run_counted(overrides).sent[Way::between_nodes].expert_rows, between.expert_rows);
}

// Four groups on four nodes: a token that may choose so many groups meets as many nodes at most.
TEST(TwoHopRouting, the_routers_group_limit_bounds_the_nodes_of_a_token) {
  for (const int groups : {1, 2}) {
    auto overrides = on_nodes_of_two(mesh_case("1f1b", 1, 8, 8, 1), 4).overrides;
    overrides.insert(overrides.end(), {"job.steps=1", fmt::format("model.groups_per_token={}", groups)});
    const auto [counted, sent] = run_counted(overrides);
    EXPECT_EQ(counted.most_nodes, groups);
    EXPECT_LE(sent[Way::between_nodes].expert_rows, 4 * counted.tokens * groups);
  }
}

// Random tokens, weights that hardly move, and biases that have made the experts' loads even: as the planner takes
// them.
TEST(TwoHopRouting, as_many_rows_cross_as_the_planner_expects) {
  for (const auto& [groups, chosen] : {std::pair{1, 1}, {4, 2}, {2, 1}}) {
    auto overrides = on_nodes_of_two(mesh_case("1f1b", 1, 4, 4, 1), 2).overrides;
    overrides.insert(overrides.end(),
                     {"job.steps=40", "optimizer.lr=1e-7", "optimizer.final_lr=0", "balance.bias_speed=0.005",
                      "model.experts=16", "model.experts_per_token=4", "batch.sequences=32", "precision.compute=fp32",
                      fmt::format("model.expert_groups={}", groups), fmt::format("model.groups_per_token={}", chosen)});
    const auto [counted, sent] = run_counted(overrides);
    const RowCopies expected = row_copies(make_plan(small_job(overrides)), 0);
    const double tokens = 4.0 * static_cast<double>(counted.tokens);
    EXPECT_NEAR(static_cast<double>(sent[Way::between_nodes].expert_rows) / tokens, expected.network,
                0.05 * expected.network);
    EXPECT_NEAR(static_cast<double>(sent[Way::inside_node].expert_rows) / tokens, expected.local(),
                0.05 * expected.local());
  }
}

TEST(TwoHopWaits, name_who_should_have_passed_rows_on) {
  FakeClusterOptions options;
  options.loses = [](int destination, const Tag& tag) {
    return tag.hop == Hop::first && tag.source == 3 && destination == 1;
  };
  FakeCluster cluster(small_job(on_nodes_of_two(mesh_case("1f1b", 1, 4, 4, 2), 2).overrides), small_corpus(), options);
  EXPECT_TRUE(cluster.run().hung);
  const auto waits = [&](int rank) {
    std::string all;
    for (const Tag& tag : cluster.device(rank).waiting_for()) all += to_string(tag) + "\n";
    return all;
  };
  EXPECT_NE(waits(1).find("to be passed on, from rank 3"), std::string::npos) << waits(1);
  EXPECT_NE(waits(0).find("passed on, from rank 1"), std::string::npos) << waits(0);
}

}  // namespace
}  // namespace dsrun::test
