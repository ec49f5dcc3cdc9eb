// N-2, S-2 and overlap: delays change neither the numbers nor the order of instructions; F&B hides them.
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

const std::vector<std::string> p2_d2_e2 = {"parallel.schedule=dualpipe", "parallel.pipeline=2",  "parallel.data=2",
                                           "parallel.expert=2",          "batch.microbatches=4", "job.steps=3"};

TEST(Delivery, N2_50_seeded_delivery_orders_give_equal_bits) {
  for (const char* precision : {"fp64", "bf16"}) {
    auto overrides = p2_d2_e2;
    overrides.push_back(std::string("precision.compute=") + precision);
    const Job job = small_job(overrides);
    FakeCluster calm(job, small_corpus());
    const FakeRun expected = calm.run();
    const Tensors weights = calm.gather_weights();
    const int seeds = precision == std::string("fp64") ? 50 : 5;
    for (int seed = 1; seed <= seeds; ++seed) {
      FakeClusterOptions options;
      options.seed = static_cast<std::uint64_t>(seed);
      options.random_delay_ns = 1'000'000;  // a thousand times an op
      FakeCluster cluster(job, small_corpus(), options);
      const FakeRun run = cluster.run();
      ASSERT_FALSE(run.hung) << "seed " << seed;
      EXPECT_EQ(run.losses, expected.losses) << "seed " << seed;
      EXPECT_EQ(cluster.gather_weights(), weights) << "seed " << seed;
    }
  }
}

TEST(Delivery, S2_devices_execute_their_programs_in_order) {
  FakeClusterOptions options;
  options.seed = 3;
  options.random_delay_ns = 100'000;
  FakeCluster cluster(small_job(p2_d2_e2), small_corpus(20000, 0), options);
  ASSERT_FALSE(cluster.run().hung);
  for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) {
    const int index = cluster.plan().mesh.pipeline_index(rank);
    EXPECT_EQ(cluster.device(rank).executed(),
              cluster.plan().program.ranks[static_cast<std::size_t>(index)].instructions);
  }
}

// One collective, whoever takes part in it; the second hop of rows is one by itself.
using Collective = std::tuple<std::uint64_t, Traffic, int, int, int, int, Pass, bool>;

// By rank, what it started and in which order.
std::vector<std::vector<Collective>> collectives_of(const Job& job, std::uint64_t seed) {
  std::vector<std::vector<Collective>> started(static_cast<std::size_t>(job.world_size()));
  FakeClusterOptions options;
  options.seed = seed;
  options.random_delay_ns = 100'000;
  options.on_message = [&](int, const TensorMessage& message) {
    const Tag& tag = message.tag;
    if (tag.traffic == Traffic::activation || tag.traffic == Traffic::gradient) return;
    const Collective key{tag.round,      tag.traffic, tag.stage, tag.direction,
                         tag.microbatch, tag.node,    tag.pass,  tag.hop == Hop::second};
    auto& of_rank = started[static_cast<std::size_t>(tag.source)];
    if (of_rank.empty() || of_rank.back() != key) of_rank.push_back(key);  // one message a member
  };
  FakeCluster cluster(job, small_corpus(20000, 0), options);
  EXPECT_FALSE(cluster.run().hung);
  return started;
}

std::vector<Collective> those_also_in(const std::vector<Collective>& theirs, const std::vector<Collective>& mine) {
  const std::set<Collective> others(theirs.begin(), theirs.end());
  std::vector<Collective> kept;
  for (const Collective& each : mine)
    if (others.contains(each)) kept.push_back(each);
  return kept;
}

// What two ranks both take part in, they start in the same order, whatever the mesh and the delays.
std::size_t compare_orders(const std::string& recompute) {
  std::size_t compared = 0;
  std::vector<MeshCase> meshes = mesh_cases();
  for (MeshCase& two_hop : two_hop_cases()) meshes.push_back(std::move(two_hop));
  for (const MeshCase& mesh : meshes) {
    auto overrides = mesh.overrides;
    overrides.insert(overrides.end(), {"job.steps=1", "memory.recompute=" + recompute});
    const auto started = collectives_of(small_job(overrides), 1);
    for (std::size_t a = 0; a < started.size(); ++a)
      for (std::size_t b = a + 1; b < started.size(); ++b) {
        const auto common = those_also_in(started[b], started[a]);
        EXPECT_EQ(common, those_also_in(started[a], started[b])) << mesh.name << ", ranks " << a << " and " << b;
        EXPECT_EQ(std::set(common.begin(), common.end()).size(), common.size()) << mesh.name << ": started twice";
        compared += common.size();
      }
  }
  return compared;
}

TEST(Delivery, S1_members_of_a_group_start_its_collectives_in_one_order) {
  const std::size_t kept = compare_orders("[]");
  EXPECT_GT(kept, 1000U);
  EXPECT_GT(compare_orders("full"), kept);  // dispatch starts again
}

TEST(Delivery, interleaving_forward_and_backward_hides_delays) {
  auto overrides = p2_d2_e2;
  overrides[4] = "batch.microbatches=8";
  overrides.push_back("batch.sequences=32");
  const auto makespan = [&](const char* overlap) {
    auto all = overrides;
    all.push_back(std::string("parallel.overlap=") + overlap);
    FakeClusterOptions options;
    options.fixed_delay_ns = 20000;  // twenty ops
    FakeCluster cluster(small_job(all), small_corpus(20000, 0), options);
    const FakeRun run = cluster.run();
    EXPECT_FALSE(run.hung);
    return static_cast<double>(run.makespan_ns);
  };
  const double with = makespan("true"), without = makespan("false");
  RecordProperty("makespan_ratio", std::to_string(without / with));
  EXPECT_LT(with, 0.95 * without) << with << " against " << without;
}

TEST(Delivery, rows_cross_ranks_and_loads_are_uneven) {
  FakeCluster cluster(small_job(p2_d2_e2), small_corpus());
  const FakeRun run = cluster.run();
  ASSERT_FALSE(run.steps.empty());
  EXPECT_GT(run.steps[0].rows_sent_away, 0);
  EXPECT_GT(run.steps[0].metrics.max_vio, 0.05);
}

// Biases so large that they decide the choice: one expert that gets every token, several that get none.
TEST(Delivery, an_expert_may_get_all_tokens_and_others_none) {
  const auto biased = [](std::vector<std::string> overrides) {
    overrides.push_back("job.steps=2");
    overrides.push_back("balance.bias_speed=0");
    FakeClusterOptions options;
    options.start.biases.assign(3, {50, -50, -50, 40, -50, -50, -50, -50});
    FakeCluster cluster(small_job(overrides), small_corpus(), options);
    for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) cluster.device(rank).set_biases(options.start.biases);
    const FakeRun run = cluster.run();
    EXPECT_FALSE(run.hung);
    return std::pair(run, cluster.gather_weights());
  };
  const auto [single, single_weights] = biased({});
  const auto [parallel, parallel_weights] = biased(p2_d2_e2);
  const auto& counts = parallel.steps.at(0).expert_counts.at(0);
  const std::int64_t tokens = 16 * 12;
  EXPECT_EQ(counts, (std::vector<std::int64_t>{tokens, 0, 0, tokens, 0, 0, 0, 0}));
  EXPECT_LT(worst_difference(single_weights, parallel_weights).relative, 1e-9);
  EXPECT_NEAR(parallel.losses.at(1), single.losses.at(1), 1e-9);
}

TEST(Delivery, a_lost_message_is_named_by_who_waits_for_it) {
  FakeClusterOptions options;
  options.loses = [](int, const Tag& tag) { return tag.traffic == Traffic::gradient && tag.microbatch == 1; };
  FakeCluster cluster(small_job(p2_d2_e2), small_corpus(), options);
  EXPECT_TRUE(cluster.run().hung);
  bool named = false;
  for (int rank = 0; rank < 4; ++rank)
    for (const Tag& tag : cluster.device(rank).waiting_for())
      named |= to_string(tag).find("gradients of microbatch 1") != std::string::npos;
  EXPECT_TRUE(named);
}

}  // namespace
}  // namespace dsrun::test
