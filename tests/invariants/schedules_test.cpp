// N-1 for every schedule: gpipe, interleaved, zb1p, dualpipev and a user's own against one device. topology_test.cpp
// has 1f1b and dualpipe, on more meshes.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include <unistd.h>

#include "cluster/memory/memory_plan.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

struct ScheduleNumbers {
  std::vector<double> losses;  // by step, then of the validation
  Tensors weights;
  std::vector<std::vector<float>> biases;
};

ScheduleNumbers train_scheduled(const std::vector<std::string>& overrides, const std::vector<std::string>& more) {
  FakeCluster cluster(small_job(with(overrides, more)), small_corpus());
  const FakeRun run = cluster.run();
  EXPECT_FALSE(run.hung);
  EXPECT_EQ(run.finished.outcome, Outcome::completed) << run.finished.cause;
  ScheduleNumbers numbers{run.losses, cluster.gather_weights(), cluster.coordinator().biases()};
  numbers.losses.insert(numbers.losses.end(), run.validation_losses.begin(), run.validation_losses.end());
  return numbers;
}

void expect_equal(const ScheduleNumbers& single, const ScheduleNumbers& parallel) {
  ASSERT_EQ(parallel.losses.size(), single.losses.size());
  for (std::size_t i = 0; i < single.losses.size(); ++i)
    EXPECT_NEAR(parallel.losses[i], single.losses[i], 1e-9 * single.losses[i]) << i;
  EXPECT_EQ(parallel.biases, single.biases);
  const Difference worst = worst_difference(single.weights, parallel.weights);
  EXPECT_LT(worst.relative, 1e-9) << worst.tensor;
}

class Schedules : public testing::TestWithParam<ScheduleCase> {};

TEST_P(Schedules, N1_fp64_losses_and_weights_of_20_steps_equal_one_device) {
  static std::map<int, ScheduleNumbers> singles;  // by layers
  const int layers = GetParam().layers;
  if (!singles.contains(layers))
    singles[layers] = train_scheduled({fmt::format("model.layers={}", layers)}, {"job.steps=20"});
  ASSERT_EQ(singles[layers].losses.size(), 21U);
  expect_equal(singles[layers], train_scheduled(GetParam().mesh.overrides, {"job.steps=20"}));
}

INSTANTIATE_TEST_SUITE_P(Meshes, Schedules, testing::ValuesIn(schedule_cases()),
                         [](const auto& param) { return param.param.mesh.name; });

TEST(GrowingBatch, N1_fp64_holds_under_every_schedule) {
  const std::vector<std::string> grows = {"job.steps=8", "batch.ramp_start=0.5", "batch.ramp_tokens=600",
                                          "batch.ramp_step=8"};
  const ScheduleNumbers single = train_scheduled({"batch.microbatches=16"}, grows);
  for (const char* schedule : {"gpipe", "interleaved", "zb1p", "dualpipev"}) {
    SCOPED_TRACE(schedule);
    const MeshCase mesh = mesh_case(schedule, 2, 2, 2, 8);
    expect_equal(single, train_scheduled(mesh.overrides, grows));
  }
}

// And whatever the order of arrival, no more messages are under way than planned.
TEST(ScheduleDelivery, N2_delivery_orders_give_equal_bits) {
  for (const auto& [schedule, pipeline] :
       {std::pair{"gpipe", 4}, std::pair{"interleaved", 2}, std::pair{"zb1p", 4}, std::pair{"dualpipev", 2}}) {
    const Job job = small_job(with(mesh_case(schedule, pipeline, 2, 2, 4).overrides, {"model.dense_layers=2"}));
    const MemoryPlan planned = plan_memory(make_plan(job), {});
    FakeCluster calm(job, small_corpus(20000, 0));
    const std::vector<double> expected = calm.run().losses;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE(testing::Message() << schedule << ", seed " << seed);
      FakeClusterOptions options;
      options.seed = seed;
      options.random_delay_ns = 1'000'000;  // a thousand times an op
      FakeCluster cluster(job, small_corpus(20000, 0), options);
      const FakeRun run = cluster.run();
      ASSERT_FALSE(run.hung);
      EXPECT_EQ(run.losses, expected);
      EXPECT_EQ(cluster.gather_weights(), calm.gather_weights());
      for (int rank = 0; rank < cluster.plan().mesh.size(); ++rank)
        EXPECT_LE(cluster.device(rank).memory().use().peak_of(MemoryClass::messages),
                  planned[static_cast<std::size_t>(rank)].messages);
    }
  }
}

// What no row of the table would make: stages in a loop, rank 0's phases numbered backwards, some weight gradients put
// off; and a small DualPipe of two microbatches each way, with one pair interleaved, unlike on both ranks.
constexpr const char* in_a_loop = R"(# P = 2, M = 2
rank 0 stages 2 0:
  F1.0 F1.1 F0.0 F0.1   # stage 0, then stage 2
  I0.0 I0.1 W0.0
  B1.0 W0.1 I1.1 W1.1
rank 1 stages 1 3:
  F0.0 F0.1 F1.0 B1.0
  F1.1 B1.1 B0.0 I0.1 W0.1
)";

constexpr const char* both_ways = R"(
rank 0 stages 0 1<: F0.0 F1.0 F0.1&B1.0 B0.0 F1.1 B1.1 B0.1
rank 1 stages 1 0<: F1.0 F0.0 B0.0 F1.1 B1.0 F0.1 B0.1 B1.1
)";

TEST(OwnSchedule, N1_fp64_losses_and_weights_of_20_steps_equal_one_device) {
  const std::string path = fmt::format("/tmp/dsrun-schedule-{}", getpid());
  const ScheduleNumbers single = train_scheduled({}, {"job.steps=20"});
  for (const auto& [text, microbatches] : {std::pair{in_a_loop, 2}, std::pair{both_ways, 4}}) {
    std::ofstream(path) << text;
    expect_equal(single,
                 train_scheduled({"parallel.pipeline=2", "parallel.data=2", "parallel.expert=2",
                                  fmt::format("batch.microbatches={}", microbatches), "parallel.schedule_file=" + path},
                                 {"job.steps=20"}));
  }
  unlink(path.c_str());
}

}  // namespace
}  // namespace dsrun::test
