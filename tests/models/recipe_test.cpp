// The recipe's phases against what arXiv 2412.19437 section 4.2 says, and against sums written here.
#include <gtest/gtest.h>

#include <cmath>

#include "dsl/parse.hpp"
#include "models/recipe.hpp"

namespace dsrun {
namespace {

Job job(std::vector<std::string> overrides) {
  const ParseResult parsed = parse_job_text("[job]\nname = \"x\"\nsteps = 10\n", "job.toml", overrides);
  EXPECT_TRUE(parsed.job.has_value()) << render(parsed.faults, false);
  return *parsed.job;
}

// DeepSeek-V3's own run: 15360 sequences of 4096 tokens.
Job preset_job() {
  return job({"model.preset=deepseek-v3", "job.steps=245000", "batch.sequences=15360", "batch.length=4096",
              "batch.microbatches=15360", "batch.ramp_step=16"});
}

TEST(Recipe, deepseek_v3_has_its_published_phases) {
  const Recipe recipe(preset_job());
  EXPECT_DOUBLE_EQ(recipe.learning_rate(999), 1.1e-4);
  EXPECT_DOUBLE_EQ(recipe.learning_rate(1999), 2.2e-4);
  EXPECT_EQ(recipe.sequences(0), 3072);
  const auto step_at = [&](double tokens) {
    std::int64_t step = 0;
    while (static_cast<double>(recipe.tokens_before(step)) < tokens) ++step;
    return step;
  };
  EXPECT_LT(recipe.sequences(step_at(468e9)), 15360);
  EXPECT_EQ(recipe.sequences(step_at(469.1e9)), 15360);
  EXPECT_DOUBLE_EQ(recipe.learning_rate(step_at(9.99e12)), 2.2e-4);
  EXPECT_NEAR(recipe.learning_rate(step_at(10e12 + 2.15e12)), (2.2e-4 + 2.2e-5) / 2, 1e-8);
  EXPECT_DOUBLE_EQ(recipe.learning_rate(step_at(14.3e12) + 1), 2.2e-5);
  EXPECT_DOUBLE_EQ(recipe.learning_rate(step_at(14.6e12)), 2.2e-5);
  EXPECT_DOUBLE_EQ(recipe.learning_rate(step_at(14.64e12)), 7.3e-6);
  EXPECT_EQ(recipe.bias_speed(step_at(14.29e12)), 1e-3);
  EXPECT_EQ(recipe.bias_speed(step_at(14.31e12)), 0.0);
  EXPECT_EQ(recipe.mtp_lambda(step_at(9.9e12)), 0.3);
  EXPECT_EQ(recipe.mtp_lambda(step_at(10.1e12)), 0.1);
}

TEST(Recipe, without_phases_a_warm_up_and_a_cosine_to_the_last_step) {
  const Recipe recipe(job({"optimizer.lr=0.5", "optimizer.final_lr=0.1", "optimizer.warmup_steps=4"}));
  for (int step = 0; step < 4; ++step) EXPECT_DOUBLE_EQ(recipe.learning_rate(step), 0.5 * (step + 1) / 4);
  for (int step = 4; step < 10; ++step)
    EXPECT_NEAR(recipe.learning_rate(step), 0.1 + 0.4 * (1 + std::cos(M_PI * (step - 4) / 5.0)) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(Recipe(job({"optimizer.warmup_steps=10", "optimizer.lr=0.5"})).learning_rate(9), 0.5);
}

// megatron-core and transformers: 0, .005, .01, .0055 for a warm-up of 2, then a cosine of 2 steps from .01 to .001.
TEST(Recipe, a_warm_up_from_zero_and_a_cosine_of_its_own_length_are_megatrons) {
  const Recipe recipe(
      job({"optimizer.lr=0.01", "optimizer.final_lr=0.001", "optimizer.warmup_steps=2", "optimizer.warmup_from=zero",
           "batch.sequences=4", "batch.length=8", "optimizer.decay_tokens=64"}));
  const std::vector<double> expected = {0, 0.005, 0.01, 0.0055, 0.001, 0.001};
  for (std::size_t step = 0; step < expected.size(); ++step)
    EXPECT_NEAR(recipe.learning_rate(static_cast<std::int64_t>(step)), expected[step], 1e-12) << step;
}

TEST(Recipe, phases_stretch_to_the_jobs_length) {
  // 10 steps of 4096 tokens for a run told as of 1000 tokens: constant to 40 %, cosine to 80 %, then two constants.
  const Recipe recipe(
      job({"optimizer.lr=0.5", "optimizer.final_lr=0.1", "optimizer.last_lr=0.01", "optimizer.phase_tokens=1000",
           "optimizer.constant_tokens=400", "optimizer.decay_tokens=400", "optimizer.final_tokens=100",
           "balance.bias_speed_until_tokens=900", "balance.bias_speed=0.25"}));
  for (int step = 0; step <= 4; ++step) EXPECT_DOUBLE_EQ(recipe.learning_rate(step), 0.5);
  EXPECT_NEAR(recipe.learning_rate(6), 0.3, 1e-12);
  EXPECT_NEAR(recipe.learning_rate(8), 0.1, 1e-12);
  EXPECT_NEAR(recipe.learning_rate(9), 0.01, 1e-12);
  EXPECT_EQ(recipe.bias_speed(8), 0.25);
  EXPECT_EQ(recipe.bias_speed(9), 0.0);
}

TEST(Recipe, a_batch_grows_by_what_the_schedule_allows) {
  const std::vector<std::string> ramp = {"job.steps=30",           "batch.sequences=32",        "batch.microbatches=16",
                                         "batch.ramp_start=0.125", "batch.ramp_tokens=40960",   "parallel.pipeline=2",
                                         "parallel.data=2",        "parallel.schedule=dualpipe"};
  const Job grows = job(ramp);
  const Recipe recipe(grows);
  std::int64_t samples = 0;
  int before = 0;
  for (int step = 0; step < 30; ++step) {
    EXPECT_EQ(recipe.samples_before(step), samples);
    EXPECT_EQ(recipe.sequences(step), recipe.microbatches(step) * 2);
    EXPECT_EQ(recipe.microbatches(step) % 2, 0);  // DualPipe's
    EXPECT_GE(recipe.microbatches(step), 4);      // and at least twice the pipeline
    EXPECT_GE(recipe.microbatches(step), before);
    const double due = 16 * std::min(1.0, 0.125 + 0.875 * static_cast<double>(samples * 256) / 40960);
    EXPECT_LE(recipe.microbatches(step), std::max(due, 4.0));
    EXPECT_GT(recipe.microbatches(step) + 2, due);
    before = recipe.microbatches(step);
    samples += recipe.sequences(step);
  }
  EXPECT_EQ(before, 16);
}

TEST(Recipe, a_resumed_run_goes_on_in_the_order_of_samples) {
  const Job whole =
      job({"batch.ramp_start=0.25", "batch.ramp_tokens=20000", "batch.sequences=16", "batch.microbatches=16"});
  const Recipe recipe(whole);
  const Recipe resumed(whole, {4, recipe.samples_before(4)});
  for (int step = 4; step < 10; ++step) {
    EXPECT_EQ(resumed.samples_before(step), recipe.samples_before(step));
    EXPECT_EQ(resumed.microbatches(step), recipe.microbatches(step));
    EXPECT_DOUBLE_EQ(resumed.learning_rate(step), recipe.learning_rate(step));
  }
  EXPECT_EQ(Recipe(job({"batch.sequences=8"}), {4, 64}).samples_before(6), 80);  // with other batches from there
}

}  // namespace
}  // namespace dsrun
