// N-1 for recomputation: no policy changes a bit of what a mesh computes, and every mesh agrees with one device.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/fake_cluster.hpp"
#include "tests/support/policies.hpp"

namespace dsrun::test {
namespace {

struct RecomputedNumbers {
  std::vector<double> losses, balance_losses;
  std::vector<std::vector<std::vector<std::int64_t>>> expert_counts;  // by step
  Tensors weights;
  std::vector<std::vector<float>> biases;
};

// Layers of both kinds on every stage count, a prediction module, and the balance loss that router's backward adds up.
std::vector<std::string> recomputing(std::vector<std::string> overrides) {
  for (const char* each : {"model.layers=8", "model.dense_layers=2", "model.mtp_depth=1", "balance.sequence_alpha=0.01",
                           "job.steps=3", "optimizer.mtp_lambda=0.3"})
    overrides.emplace_back(each);
  return overrides;
}

RecomputedNumbers train_recomputing(const std::vector<std::string>& overrides, FakeClusterOptions options = {}) {
  FakeCluster cluster(small_job(recomputing(overrides)), small_corpus(), std::move(options));
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::completed) << run.finished.cause;
  RecomputedNumbers numbers{run.losses, {}, {}, cluster.gather_weights(), cluster.coordinator().biases()};
  for (const StepFinished& step : run.steps) {
    numbers.balance_losses.push_back(step.metrics.balance_loss);
    numbers.expert_counts.push_back(step.expert_counts);
  }
  return numbers;
}

class RecomputeOnMesh : public testing::TestWithParam<MeshCase> {};
INSTANTIATE_TEST_SUITE_P(Meshes, RecomputeOnMesh, testing::ValuesIn(meshes_of_each_schedule()),
                         [](const auto& mesh) { return mesh.param.name; });

TEST_P(RecomputeOnMesh, N1_fp64_numbers_are_the_same_to_the_bit_and_those_of_one_device) {
  static const RecomputedNumbers single = train_recomputing({});
  const RecomputedNumbers kept = train_recomputing(GetParam().overrides);
  for (const RecomputeCase& policy : recompute_cases()) {
    SCOPED_TRACE(policy.name);
    auto overrides = GetParam().overrides;
    overrides.push_back(policy.override);
    const RecomputedNumbers made_again = train_recomputing(overrides);
    EXPECT_EQ(made_again.losses, kept.losses);
    EXPECT_EQ(made_again.balance_losses, kept.balance_losses);
    EXPECT_EQ(made_again.expert_counts, kept.expert_counts);
    EXPECT_EQ(made_again.biases, kept.biases);
    EXPECT_TRUE(made_again.weights == kept.weights);
    ASSERT_EQ(made_again.losses.size(), single.losses.size());
    for (std::size_t step = 0; step < single.losses.size(); ++step)
      EXPECT_NEAR(made_again.losses[step], single.losses[step], 1e-9 * single.losses[step]) << "step " << step;
    const Difference worst = worst_difference(single.weights, made_again.weights);
    EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
  }
}

std::vector<std::string> dualpipe_in_full() {
  auto overrides = mesh_case("dualpipe", 2, 2, 2, 4).overrides;
  overrides.emplace_back("memory.recompute=full");
  return overrides;
}

// The test of the test: rows that are sent again are what backward computes with.
TEST(RecomputeSabotage, rows_lost_on_their_second_way_are_seen) {
  int num_lost = 0;
  FakeClusterOptions options;
  options.on_message = [&](int, TensorMessage& message) {
    if (message.tag.traffic != Traffic::exchange || message.tag.pass != Pass::recompute) return;
    std::fill_n(message.payload.data(), message.payload.size(), 0);
    ++num_lost;
  };
  const RecomputedNumbers kept = train_recomputing(dualpipe_in_full()),
                          lost = train_recomputing(dualpipe_in_full(), options);
  EXPECT_GT(num_lost, 0);
  EXPECT_EQ(lost.losses[0], kept.losses[0]);  // the forward pass of the first step does not know
  EXPECT_GT(worst_difference(kept.weights, lost.weights).relative, 1e-6);
}

// N-2: whatever the order of arrival.
TEST(RecomputeDelivery, N2_delays_change_no_bit) {
  FakeClusterOptions slow;
  slow.seed = 5;
  slow.random_delay_ns = 200'000;
  const RecomputedNumbers fast = train_recomputing(dualpipe_in_full()),
                          late = train_recomputing(dualpipe_in_full(), slow);
  EXPECT_EQ(fast.losses, late.losses);
  EXPECT_TRUE(fast.weights == late.weights);
}

// Each recompute step of the lists runs once a microbatch of each step, as a span of its own.
TEST(RecomputeSpans, are_those_of_the_lists) {
  FakeCluster cluster(small_job(recomputing({"memory.recompute=full", "batch.microbatches=4"})), small_corpus());
  std::map<std::pair<Op, Pass>, int> spans, expected;
  cluster.device(0).observe([&](const DeviceSpan& span) {
    if (span.what == DeviceSpan::What::op && span.pass == Pass::recompute) ++spans[{span.op, span.pass}];
  });
  const StageSteps& stage = cluster.plan().stages[0];
  for (const OpStep& step : stage.backward)
    if (step.pass == Pass::recompute)
      expected[{stage.graph.nodes[static_cast<std::size_t>(step.node)].op, step.pass}] += 3 * 4;
  ASSERT_FALSE(cluster.run().hung);
  EXPECT_EQ(spans, expected);
  EXPECT_GT(expected.size(), 8U);
}

}  // namespace
}  // namespace dsrun::test
