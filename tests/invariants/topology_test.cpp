// N-1: topology does not change the numbers. Every mesh is compared with one device that runs one microbatch.
#include <gtest/gtest.h>

#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

struct Numbers {
  std::vector<double> losses, validation_losses;
  Tensors weights;
  std::vector<std::vector<float>> biases;
};

Numbers train(std::vector<std::string> overrides, FakeClusterOptions options = {}) {
  FakeCluster cluster(small_job(overrides), small_corpus(), options);
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::completed) << run.finished.cause;
  return {run.losses, run.validation_losses, cluster.gather_weights(), cluster.coordinator().biases()};
}

class Topology : public testing::TestWithParam<MeshCase> {};

TEST_P(Topology, N1_fp64_losses_and_weights_of_20_steps_equal_one_device) {
  static const Numbers single = train({"job.steps=20"});
  auto overrides = GetParam().overrides;
  overrides.push_back("job.steps=20");
  const Numbers parallel = train(overrides);
  ASSERT_EQ(parallel.losses.size(), single.losses.size());
  for (std::size_t step = 0; step < single.losses.size(); ++step)
    EXPECT_NEAR(parallel.losses[step], single.losses[step], 1e-9 * single.losses[step]) << "step " << step;
  ASSERT_EQ(single.validation_losses.size(), 1U);  // its last batch is short: padded and masked
  ASSERT_EQ(parallel.validation_losses.size(), 1U);
  EXPECT_NEAR(parallel.validation_losses[0], single.validation_losses[0], 1e-9 * single.validation_losses[0]);
  EXPECT_EQ(parallel.biases, single.biases);
  const Difference worst = worst_difference(single.weights, parallel.weights);
  EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
}

TEST(GrowingBatch, N1_fp64_losses_and_weights_equal_one_device) {
  const auto grows = [](std::vector<std::string> overrides) {
    overrides.insert(overrides.end(),
                     {"job.steps=8", "batch.ramp_start=0.5", "batch.ramp_tokens=600", "batch.ramp_step=4"});
    return overrides;
  };
  const Numbers single = train(grows({"batch.microbatches=16"}));
  const Numbers parallel = train(grows({"parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2",
                                        "parallel.expert=2", "batch.microbatches=8"}));
  ASSERT_EQ(parallel.losses.size(), 8U);
  for (std::size_t step = 0; step < 8; ++step)
    EXPECT_NEAR(parallel.losses[step], single.losses[step], 1e-9 * single.losses[step]) << "step " << step;
  EXPECT_EQ(parallel.biases, single.biases);
  const Difference worst = worst_difference(single.weights, parallel.weights);
  EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
}

// A step with weight decay on all parameters differs by lr · weight_decay times the weight, and in vectors alone.
TEST(WeightDecay, of_all_parameters_takes_norms_along) {
  const auto after_one_step = [](const char* decay) {
    return train({"job.steps=1", "optimizer.lr=0.01", "optimizer.warmup_steps=1", "optimizer.weight_decay=0.5",
                  std::string("optimizer.decay=") + decay})
        .weights;
  };
  const Tensors matrices = after_one_step("matrices"), all = after_one_step("all");
  std::size_t norms = 0;
  for (const auto& [name, values] : matrices) {
    const bool is_norm = name.find("norm") != std::string::npos;
    norms += is_norm;
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i] - all.at(name)[i], is_norm ? 0.01 * 0.5 * 1.0 : 0.0, 1e-12) << name;
  }
  EXPECT_GT(norms, 0U);
}

TEST(SequenceBalance, N1_fp64_losses_and_weights_equal_one_device) {
  for (const char* scores : {"paper", "unbiased", "biased"}) {
    const auto balanced = [&](std::vector<std::string> overrides) {
      overrides.insert(overrides.end(), {"job.steps=5", "balance.sequence_alpha=0.01",
                                         std::string("balance.sequence_scores=") + scores});
      return overrides;
    };
    const Numbers single = train(balanced({}));
    const Numbers parallel = train(balanced({"parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2",
                                             "parallel.expert=2", "batch.microbatches=4"}));
    EXPECT_NEAR(parallel.losses.back(), single.losses.back(), 1e-9 * single.losses.back());
    const Difference worst = worst_difference(single.weights, parallel.weights);
    EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
    EXPECT_GT(worst_difference(single.weights, train({"job.steps=5"}).weights).relative, 1e-6);  // it does something
  }
}

TEST_P(Topology, N1_fp32_first_gradients_equal_one_device) {
  const std::vector<std::string> fp32 = {"job.steps=1", "precision.compute=fp32"};
  const auto gradients = [&](std::vector<std::string> overrides) {
    overrides.insert(overrides.end(), fp32.begin(), fp32.end());
    FakeCluster cluster(small_job(overrides), small_corpus());
    EXPECT_FALSE(cluster.run().hung);
    return cluster.gather_gradients();
  };
  static const Tensors single = gradients({});
  const Difference worst = worst_difference(single, gradients(GetParam().overrides));
  EXPECT_LT(worst.relative, 1e-5) << worst.tensor;
}

TEST_P(Topology, N1_fp32_without_bias_moves_20_steps_stay_close) {
  const std::vector<std::string> fp32 = {"job.steps=20", "precision.compute=fp32", "balance.bias_speed=0"};
  static const Numbers single = train(fp32);
  auto overrides = GetParam().overrides;
  overrides.insert(overrides.end(), fp32.begin(), fp32.end());
  const Numbers parallel = train(overrides);
  for (std::size_t step = 0; step < single.losses.size(); ++step)
    EXPECT_NEAR(parallel.losses[step], single.losses[step], 1e-5 * single.losses[step]) << "step " << step;
  const Difference worst = worst_difference(single.weights, parallel.weights);
  EXPECT_LT(worst.relative, 1e-3) << worst.tensor;
}

INSTANTIATE_TEST_SUITE_P(Meshes, Topology, testing::ValuesIn(mesh_cases()),
                         [](const auto& mesh) { return mesh.param.name; });

// The test of the test: an op made wrong on purpose must be seen.
class Sabotage : public testing::Test {
 protected:
  static constexpr const char* steps = "job.steps=4";
  static std::vector<std::string> dualpipe() {
    auto overrides = mesh_case("dualpipe", 2, 2, 2, 4).overrides;
    overrides.push_back(steps);
    return overrides;
  }
  static double error(const Numbers& parallel) {
    const Numbers single = train({steps});
    return worst_difference(single.weights, parallel.weights).relative;
  }
};

TEST_F(Sabotage, control_without_sabotage_agrees) { EXPECT_LT(error(train(dualpipe())), 1e-9); }

TEST_F(Sabotage, a_dropped_mirror_sum_is_seen) {
  FakeClusterOptions options;
  options.on_message = [](int destination, TensorMessage& message) {
    if (message.tag.traffic != Traffic::reduce || message.tag.source / 2 == destination / 2) return;
    std::fill_n(message.payload.data(), message.payload.size(), 0);
  };
  EXPECT_GT(error(train(dualpipe(), options)), 1e-6);
}

TEST_F(Sabotage, a_doubled_count_is_seen) {
  FakeClusterOptions options;
  options.on_result = [](RoundResult& result) {
    if (result.rank == 0)
      for (auto& layer : result.expert_counts)
        for (auto& count : layer) count *= 2;
  };
  auto overrides = dualpipe();
  overrides.back() = "job.steps=20";
  const Numbers single = train({"job.steps=20"});
  EXPECT_NE(train(overrides, options).biases, single.biases);
}

// The first microbatch of each direction is taken for the second as well, on its way between stages.
TEST_F(Sabotage, a_microbatch_taken_for_another_is_seen) {
  FakeClusterOptions options;
  std::map<std::pair<int, int>, std::vector<char>> first;  // by (sender, direction)
  options.on_message = [&](int, TensorMessage& message) {
    if (message.tag.traffic != Traffic::activation) return;
    auto& bytes = first[{message.tag.source, message.tag.direction}];
    if (message.tag.microbatch == 0)
      bytes.assign(message.payload.data(), message.payload.data() + message.payload.size());
    if (message.tag.microbatch == 1) std::copy(bytes.begin(), bytes.end(), message.payload.data());
  };
  EXPECT_GT(error(train(dualpipe(), options)), 1e-6);
}

}  // namespace
}  // namespace dsrun::test
