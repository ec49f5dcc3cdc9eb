// Real runs of jobs with evenly used experts, which a replay takes for granted: actors on this machine's threads,
// random tokens, weights that hardly move and biases that were moved before.
#pragma once

#include <functional>
#include <vector>

#include "actors/launch.hpp"

namespace dsrun::test {

using Biases = std::vector<std::vector<float>>;  // [MoE layer][expert]

LaunchOptions random_launch(const Plan& plan);

// The biases after so many steps of the job.
Biases balanced_biases(Job job, int num_steps);

// Runs the job from these biases on; `on_step` hears the steps after the first `skipped_steps`.
void run_balanced(LaunchOptions options, const Biases& biases, int skipped_steps,
                  const std::function<void(const StepFinished&)>& on_step);

}  // namespace dsrun::test
