// The moving average of the weights: what it is, on every mesh.
#include <gtest/gtest.h>

#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {
namespace {

const std::vector<std::string> averaged = {"optimizer.ema_decay=0.6", "optimizer.final_lr=1e-3", "optimizer.lr=1e-3"};

Job job_of(std::int64_t steps, std::vector<std::string> more = {}) {
  more.insert(more.end(), averaged.begin(), averaged.end());
  more.push_back("job.steps=" + std::to_string(steps));
  return small_job(more);
}

// A constant learning rate makes the first n steps of every run the same.
TEST(AverageOfWeights, follows_the_weights_of_each_step) {
  FakeCluster start(job_of(0), small_corpus());
  Tensors expected = start.gather_weights();
  // (step + 1) / (step + 10) stays below the decay of 0.6 until step 12.
  for (std::int64_t step = 0; step < 15; ++step) {
    const double decay = step < 13 ? static_cast<double>(step + 1) / static_cast<double>(step + 10) : 0.6;
    FakeCluster cluster(job_of(step + 1), small_corpus());
    cluster.run();
    const Tensors weights = cluster.gather_weights();
    for (auto& [name, values] : expected)
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = decay * values[i] + (1 - decay) * weights.at(name)[i];
    ASSERT_LT(worst_difference(expected, cluster.gather_averages()).relative, 1e-13) << "step " << step;
  }
}

TEST(AverageOfWeights, N1_is_the_same_on_a_mesh) {
  FakeCluster single(job_of(5), small_corpus());
  FakeCluster mesh(job_of(5, {"parallel.schedule=dualpipe", "parallel.pipeline=2", "parallel.data=2",
                              "parallel.expert=2", "batch.microbatches=4"}),
                   small_corpus());
  single.run();
  mesh.run();
  EXPECT_LT(worst_difference(single.gather_averages(), mesh.gather_averages()).relative, 1e-12);
}

}  // namespace
}  // namespace dsrun::test
