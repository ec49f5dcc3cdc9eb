// Multi-token prediction over meshes: N-1 with the embedding shared between stages, and M-1 of what is shared.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "cluster/memory/memory_plan.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

constexpr const char* embedding = "model.embed_tokens.weight";

struct MtpNumbers {
  std::vector<std::vector<double>> losses;  // by step, then of the validation: main model's, each depth's
  Tensors weights;
  std::vector<std::vector<float>> biases;
};

MtpNumbers train_with_depths(const std::vector<std::string>& overrides) {
  FakeCluster cluster(small_job(overrides), small_corpus());
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::completed) << run.finished.cause;
  MtpNumbers numbers{{}, cluster.gather_weights(), cluster.coordinator().biases()};
  for (const StepFinished& step : run.steps) {
    numbers.losses.push_back(step.metrics.mtp_loss);
    numbers.losses.back().push_back(step.metrics.loss);
  }
  for (std::size_t i = 0; i < run.validation_losses.size(); ++i) {
    numbers.losses.push_back(run.validation_mtp_losses[i]);
    numbers.losses.back().push_back(run.validation_losses[i]);
  }
  return numbers;
}

std::vector<MeshCase> meshes() {
  return {
      mesh_case("1f1b", 1, 1, 1, 4),     mesh_case("1f1b", 1, 2, 2, 2),      mesh_case("1f1b", 2, 1, 1, 4),
      mesh_case("1f1b", 2, 2, 1, 2),     mesh_case("1f1b", 2, 2, 2, 4),      mesh_case("1f1b", 4, 1, 1, 4),
      mesh_case("dualpipe", 2, 1, 1, 4), mesh_case("dualpipe", 2, 2, 2, 4),  mesh_case("dualpipe", 2, 2, 1, 8, "[3,1]"),
      mesh_case("dualpipe", 4, 2, 2, 8), mesh_case("gpipe", 2, 1, 1, 4),     mesh_case("interleaved", 2, 2, 1, 4),
      mesh_case("zb1p", 2, 2, 2, 4),     mesh_case("dualpipev", 1, 2, 1, 4), mesh_case("dualpipev", 2, 2, 2, 4)};
}

class MtpTopology : public testing::TestWithParam<MeshCase> {
 protected:
  static void expect_equal(const std::vector<std::string>& fixed, const MtpNumbers& single) {
    const MtpNumbers parallel = train_with_depths(with(GetParam().overrides, fixed));
    ASSERT_EQ(parallel.losses.size(), single.losses.size());
    for (std::size_t i = 0; i < single.losses.size(); ++i) {
      ASSERT_EQ(parallel.losses[i].size(), single.losses[i].size());
      for (std::size_t k = 0; k < single.losses[i].size(); ++k)
        EXPECT_NEAR(parallel.losses[i][k], single.losses[i][k], 1e-9 * single.losses[i][k]) << i << ", depth " << k;
    }
    EXPECT_EQ(parallel.biases, single.biases);
    const Difference worst = worst_difference(single.weights, parallel.weights);
    EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
  }
};

TEST_P(MtpTopology, N1_fp64_losses_and_weights_with_one_module_equal_one_device) {
  const std::vector<std::string> fixed = {"job.steps=8", "model.mtp_depth=1"};
  static const MtpNumbers single = train_with_depths(fixed);
  ASSERT_EQ(single.losses.size(), 9U);
  EXPECT_EQ(single.losses[0].size(), 2U);
  expect_equal(fixed, single);
}

TEST_P(MtpTopology, N1_fp64_losses_and_weights_with_two_modules_equal_one_device) {
  const std::vector<std::string> fixed = {"job.steps=4", "model.mtp_depth=2"};
  static const MtpNumbers single = train_with_depths(fixed);
  EXPECT_EQ(single.losses[0].size(), 3U);
  expect_equal(fixed, single);
}

INSTANTIATE_TEST_SUITE_P(Meshes, MtpTopology, testing::ValuesIn(meshes()),
                         [](const auto& mesh) { return mesh.param.name; });

// The weights of a named parameter as one rank's stage reads them; null where the stage does not.
TensorView weight_of(FakeCluster& cluster, int rank, int stage, const std::string& name) {
  const auto& params = cluster.plan().stages.at(static_cast<std::size_t>(stage)).graph.params;
  for (std::size_t i = 0; i < params.size(); ++i)
    if (params[i].name == name) return cluster.device(rank).parameters().weight(stage, static_cast<int>(i));
  return {};
}

TEST(Mtp, under_1f1b_the_last_stages_copy_of_the_embedding_stays_equal_to_the_first) {
  for (const char* compute : {"precision.compute=fp64", "precision.compute=fp32"}) {
    FakeCluster cluster(small_job({"job.steps=3", "model.mtp_depth=1", "parallel.pipeline=2", "parallel.data=2",
                                   "batch.microbatches=4", compute}),
                        small_corpus());
    const TensorView before = weight_of(cluster, 0, 0, embedding);
    const std::size_t bytes = static_cast<std::size_t>(before.size()) * dtype_bytes(before.dtype);
    std::vector<char> initial(bytes);
    std::memcpy(initial.data(), before.data, bytes);
    ASSERT_FALSE(cluster.run().hung);
    const TensorView first = weight_of(cluster, 0, 0, embedding);
    EXPECT_NE(std::memcmp(first.data, initial.data(), bytes), 0);
    for (const int rank : {2, 3}) {
      const TensorView copy = weight_of(cluster, rank, 1, embedding);
      ASSERT_TRUE(copy);
      EXPECT_NE(copy.data, first.data);
      EXPECT_EQ(std::memcmp(first.data, copy.data, bytes), 0) << "rank " << rank;
    }
  }
}

TEST(Mtp, under_dualpipe_and_on_one_device_stages_share_embedding_and_head_physically) {
  FakeCluster pair(
      small_job({"model.mtp_depth=2", "parallel.pipeline=2", "parallel.schedule=dualpipe", "batch.microbatches=4"}),
      small_corpus());
  for (const int rank : {0, 1}) {
    const TensorView in_first = weight_of(pair, rank, 0, embedding), in_last = weight_of(pair, rank, 1, embedding);
    ASSERT_TRUE(in_first);
    EXPECT_EQ(in_first.data, in_last.data);
  }
  for (const StageSteps& stage : pair.plan().stages) {
    int heads = 0;
    std::set<int> params;
    for (const OpNode& node : stage.graph.nodes)
      if (node.op == Op::head_loss) {
        ++heads;
        params.insert(node.params[0]);
      }
    EXPECT_EQ(heads, stage.graph.has_loss() ? 3 : 0);
    EXPECT_LE(params.size(), 1U);
  }
}

TEST(Mtp, M1_planned_bytes_are_the_bytes_counted) {
  for (const std::vector<std::string>& mesh : std::vector<std::vector<std::string>>{
           {},
           {"parallel.pipeline=2", "parallel.data=2", "parallel.expert=2", "batch.microbatches=4"},
           {"parallel.pipeline=2", "parallel.schedule=dualpipe", "batch.microbatches=4", "parallel.overlap=false"},
           {"parallel.pipeline=2", "parallel.data=2", "parallel.schedule=dualpipe", "batch.microbatches=4"}}) {
    const Job job = small_job(with(mesh, {"model.mtp_depth=2", "balance.load_factor=8", "precision.compute=bf16"}));
    const MemoryPlan planned = plan_memory(make_plan(job), {});
    FakeCluster cluster(job, small_corpus(20000, 0));
    ASSERT_FALSE(cluster.run().hung);
    for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank) {
      SCOPED_TRACE(testing::Message() << testing::PrintToString(mesh) << " rank " << rank);
      const MemoryUse use = cluster.device(rank).memory().use();
      const RankMemory& plan = planned[static_cast<std::size_t>(rank)];
      EXPECT_EQ(use.peak_of(MemoryClass::weights), plan.weights);
      EXPECT_EQ(use.peak_of(MemoryClass::gradients), plan.gradients);
      EXPECT_EQ(use.peak_of(MemoryClass::optimizer), plan.optimizer);
      EXPECT_LE(use.peak_of(MemoryClass::routed), plan.routed);
      if (!job.parallel.overlap || job.parallel.schedule == "1f1b") {
        EXPECT_EQ(use.peak_of(MemoryClass::saved), plan.saved);
      }
    }
  }
}

TEST(Mtp, N2_delivery_orders_give_equal_bits) {
  for (const char* schedule : {"parallel.schedule=dualpipe", "parallel.schedule=1f1b"}) {
    const Job job = small_job({schedule, "model.mtp_depth=2", "parallel.pipeline=2", "parallel.data=2",
                               "parallel.expert=2", "batch.microbatches=4", "precision.compute=bf16"});
    FakeCluster calm(job, small_corpus());
    const FakeRun expected = calm.run();
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      FakeClusterOptions options;
      options.seed = seed;
      options.random_delay_ns = 1'000'000;  // a thousand times an op
      FakeCluster cluster(job, small_corpus(), options);
      const FakeRun run = cluster.run();
      ASSERT_FALSE(run.hung) << "seed " << seed;
      EXPECT_EQ(run.steps.back().metrics.mtp_loss, expected.steps.back().metrics.mtp_loss) << "seed " << seed;
      EXPECT_EQ(cluster.gather_weights(), calm.gather_weights()) << "seed " << seed;
    }
  }
}

// The test of the test: an embedding whose copies are not summed is seen.
TEST(Mtp, a_dropped_sum_of_the_embeddings_copies_is_seen) {
  const std::vector<std::string> fixed = {"job.steps=4", "model.mtp_depth=1"};
  FakeClusterOptions options;
  const auto run = [&](FakeClusterOptions chosen) {
    FakeCluster cluster(small_job(with(fixed, {"parallel.pipeline=2", "batch.microbatches=4"})), small_corpus(),
                        chosen);
    EXPECT_FALSE(cluster.run().hung);
    return worst_difference(train_with_depths(fixed).weights, cluster.gather_weights()).relative;
  };
  EXPECT_LT(run(options), 1e-9);
  options.on_message = [](int, TensorMessage& message) {  // between stages only the embedding is summed
    if (message.tag.traffic == Traffic::reduce) std::fill_n(message.payload.data(), message.payload.size(), 0);
  };
  EXPECT_GT(run(options), 1e-6);
}

// The step's weight is the coordinator's word: the schedule by tokens, and what a weight of 0 leaves untouched.
TEST(Mtp, lambda_follows_its_schedule_and_weighs_the_gradients) {
  FakeCluster cluster(small_job({"job.steps=4", "model.mtp_depth=1", "optimizer.mtp_lambda=0.5",
                                 "optimizer.mtp_lambda_late=0.25", "optimizer.mtp_lambda_until_tokens=257"}),
                      small_corpus());
  const FakeRun run = cluster.run();
  const std::int64_t tokens = run.steps.at(0).metrics.tokens;
  ASSERT_EQ(run.steps.size(), 4U);
  for (std::int64_t step = 0; step < 4; ++step)
    EXPECT_EQ(run.steps[static_cast<std::size_t>(step)].metrics.mtp_lambda, step * tokens < 257 ? 0.5 : 0.25);
  EXPECT_EQ(run.steps.back().metrics.mtp_lambda, 0.25);
  const auto gradients = [](const char* lambda) {
    FakeCluster one(small_job({"job.steps=1", "model.mtp_depth=2", std::string("optimizer.mtp_lambda=") + lambda}),
                    small_corpus());
    EXPECT_FALSE(one.run().hung);
    return one.gather_gradients();
  };
  const Tensors none = gradients("0"), one = gradients("1"), two = gradients("2");
  for (const auto& [name, base] : none)
    for (std::size_t i = 0; i < base.size(); ++i)
      ASSERT_NEAR(two.at(name)[i] - base[i], 2 * (one.at(name)[i] - base[i]), 1e-9) << name;
  const auto norm = [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value * value;
    return std::sqrt(sum);
  };
  const std::string projection = "model.layers." + std::to_string(small_job().model.layers) + ".eh_proj.weight";
  EXPECT_EQ(norm(none.at(projection)), 0);
  EXPECT_GT(norm(one.at(projection)), 1e-3);
}

}  // namespace
}  // namespace dsrun::test
