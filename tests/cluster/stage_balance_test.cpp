// How layers go to stages where the job leaves it open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "cluster/layout/stage_balance.hpp"
#include "cluster/plan.hpp"
#include "tests/cluster/small_layout.hpp"
#include "tests/models/known_models.hpp"

namespace dsrun {
namespace {

using testing::ElementsAre;

struct Score {
  double dearest = 0, squares = 0;
};

Score score(const std::vector<double>& costs, const std::vector<int>& sizes) {
  Score all;
  auto next = costs.begin();
  for (const int size : sizes) {
    const double sum = std::accumulate(next, next + size, 0.0);
    next += size;
    all.dearest = std::max(all.dearest, sum);
    all.squares += sum * sum;
  }
  return all;
}

// Every way to cut `num_layers` into `sizes.size()` stages from stage `stage` on.
template <class Visit>
void for_each_cut(std::vector<int>& sizes, std::size_t stage, int num_layers, Visit visit) {
  if (stage + 1 == sizes.size()) {
    sizes[stage] = num_layers;
    return visit(sizes);
  }
  for (int size = 1; size <= num_layers - static_cast<int>(sizes.size() - stage - 1); ++size) {
    sizes[stage] = size;
    for_each_cut(sizes, stage + 1, num_layers - size, visit);
  }
}

TEST(StageBalance, is_the_best_of_all_cuts) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const int num_layers = std::uniform_int_distribution<int>(1, 10)(random);
    const int num_stages = std::uniform_int_distribution<int>(1, num_layers)(random);
    std::vector<double> costs;
    for (int i = 0; i < num_layers; ++i) costs.push_back(std::uniform_int_distribution<int>(1, 9)(random));
    Score best{1e300, 1e300};
    std::vector<int> sizes(static_cast<std::size_t>(num_stages));
    for_each_cut(sizes, 0, num_layers, [&](const std::vector<int>& cut) {
      const Score each = score(costs, cut);
      if (std::pair(each.dearest, each.squares) < std::pair(best.dearest, best.squares)) best = each;
    });
    const std::vector<int> found = balance_stages(costs, num_stages);
    ASSERT_EQ(found.size(), sizes.size());
    EXPECT_EQ(std::accumulate(found.begin(), found.end(), 0), num_layers);
    EXPECT_GE(*std::min_element(found.begin(), found.end()), 1);
    EXPECT_EQ(score(costs, found).dearest, best.dearest) << "trial " << trial;
    EXPECT_EQ(score(costs, found).squares, best.squares) << "trial " << trial;
  }
}

TEST(StageBalance, of_equal_layers_is_even) {
  const std::vector<double> costs(10, 0.1);
  std::vector<int> sizes = balance_stages(costs, 4);
  std::sort(sizes.begin(), sizes.end());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 3, 3));
}

Job deepseek_v3() {
  Job job = test::layout_job("1f1b", 16, 1, 1, 0);
  job.model = test::deepseek_v3();
  job.batch = {.sequences = 32, .length = 4096, .microbatches = 32};
  job.precision.compute = Precision::bf16;
  job.cluster.nodes = {{"localhost", 16, "h800"}};
  job.parallel.layers_per_stage.clear();
  return job;
}

// A head takes as long as some layers, and a prediction module brings a layer, a projection and the head once more.
TEST(StageBalance, of_deepseek_v3_spares_the_stage_of_head_and_prediction_module) {
  Job job = deepseek_v3();
  const std::vector<double> costs = layer_costs(job);
  EXPECT_GT(costs.back(), 1.6 * costs[30]);
  EXPECT_LT(costs.back(), 5 * costs[30]);
  EXPECT_LE(with_stages(job).parallel.layers_per_stage.back(), 3);
  job.model.mtp_depth = 1;
  EXPECT_GT(layer_costs(job).back(), 2 * costs.back() * 0.9);
  EXPECT_LE(with_stages(job).parallel.layers_per_stage.back(), 2);
}

// Under DualPipe a rank has a stage of either end: what the head costs is taken off the first stage, too.
TEST(StageBalance, of_ranks_with_two_stages_evens_out_their_sums) {
  Job job = deepseek_v3();
  job.model.mtp_depth = 1;
  const std::vector<double> costs = layer_costs(job);
  job.parallel.schedule = "dualpipe";
  const auto busiest = [&](const std::vector<int>& sizes) {
    std::vector<double> stages;
    auto next = costs.begin();
    for (const int size : sizes) {
      stages.push_back(std::accumulate(next, next + size, 0.0));
      next += size;
    }
    double most = 0;
    for (std::size_t i = 0; i < 8; ++i) most = std::max(most, stages[i] + stages[15 - i]);
    return most;
  };
  const std::vector<int> by_stage = balance_stages(costs, 16), by_rank = with_stages(job).parallel.layers_per_stage;
  EXPECT_EQ(std::accumulate(by_rank.begin(), by_rank.end(), 0), 61);
  EXPECT_LE(busiest(by_rank), busiest(by_stage));
  const double even = std::accumulate(costs.begin(), costs.end(), 0.0) / 8;
  EXPECT_LT(busiest(by_rank), even + costs[30]);
}

TEST(StageBalance, is_what_a_plan_runs_unless_the_job_says_otherwise) {
  Job job = test::layout_job("1f1b", 2, 1, 1, 1);
  EXPECT_EQ(make_plan(job).job.parallel.layers_per_stage, job.parallel.layers_per_stage);
  job.parallel.layers_per_stage.clear();
  const Plan plan = make_plan(job);
  EXPECT_EQ(plan.job, with_stages(job));
  ASSERT_EQ(plan.job.parallel.layers_per_stage.size(), 2u);
  EXPECT_EQ(plan.ranges[0].last_layer, plan.job.parallel.layers_per_stage[0]);
  EXPECT_EQ(plan.ranges[1].last_layer, job.model.layers + 1);  // the prediction module is the last stage's
  EXPECT_GT(plan.job.parallel.layers_per_stage[0], plan.job.parallel.layers_per_stage[1]);
}

}  // namespace
}  // namespace dsrun
