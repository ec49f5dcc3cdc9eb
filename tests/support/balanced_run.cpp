#include "tests/support/balanced_run.hpp"

#include <numeric>
#include <stdexcept>

#include "runtime/calibration/random_tokens.hpp"

namespace dsrun::test {

LaunchOptions random_launch(const Plan& plan) {
  LaunchOptions options;
  options.plan = std::make_shared<Plan>(plan);
  options.loader =
      std::make_shared<BatchLoader>(plan.job, std::make_shared<RandomTokens>(plan.job.model.vocab_size, 1 << 18));
  return options;
}

Biases balanced_biases(Job job, int num_steps) {
  job.run.steps = num_steps;
  const auto experts = static_cast<std::size_t>(job.model.experts);
  Biases biases(static_cast<std::size_t>(job.model.moe_layers()), std::vector<float>(experts, 0.0F));
  run_balanced(random_launch(make_plan(job)), biases, 0, [&](const StepFinished& step) {
    for (std::size_t layer = 0; layer < biases.size(); ++layer) {
      const auto& counts = step.expert_counts[layer];
      const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
      for (std::size_t e = 0; e < experts; ++e) {
        const std::int64_t excess = counts[e] * job.model.experts - total;
        biases[layer][e] += static_cast<float>(excess < 0 ? job.balance.bias_speed : -job.balance.bias_speed);
      }
    }
  });
  return biases;
}

void run_balanced(LaunchOptions options, const Biases& biases, int skipped_steps,
                  const std::function<void(const StepFinished&)>& on_step) {
  options.initial_biases = biases;
  options.initialise = [start = biases](DeviceCore& core) { core.set_biases(start); };
  options.on_progress = [&](const Progressed& progress) {
    const auto* step = std::get_if<StepFinished>(&progress);
    if (step != nullptr && step->metrics.step > skipped_steps) on_step(*step);
  };
  JobControl control;
  const JobOutcome outcome = run_job(options, control);
  if (outcome.outcome != Outcome::completed) throw std::runtime_error(outcome.cause);
}

}  // namespace dsrun::test
