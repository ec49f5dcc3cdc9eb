// Prints how far every mesh is from one device (N-1), and whether the same job twice gives the same bits (N-2).
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "tests/support/compare.hpp"
#include "tests/support/fake_cluster.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {
namespace {

struct Numbers {
  std::vector<double> losses;
  Tensors weights;
  Tensors gradients;  // of the last step
};

Numbers train(std::vector<std::string> overrides, const std::vector<std::string>& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  FakeCluster cluster(small_job(overrides), small_corpus());
  const FakeRun run = cluster.run();
  return {run.losses, cluster.gather_weights(), cluster.gather_gradients()};
}

double worst_loss(const Numbers& single, const Numbers& parallel) {
  double worst = single.losses.size() == parallel.losses.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(single.losses.size(), parallel.losses.size()); ++i)
    worst = std::max(worst, std::abs(parallel.losses[i] - single.losses[i]) / single.losses[i]);
  return worst;
}

int run() {
  const std::vector<std::string> fp64 = {"job.steps=20"};
  const std::vector<std::string> first = {"job.steps=1", "precision.compute=fp32"};
  const std::vector<std::string> fp32 = {"job.steps=20", "precision.compute=fp32", "balance.bias_speed=0"};
  const std::vector<std::string> live = {"job.steps=20", "precision.compute=fp32"};
  const Numbers one64 = train({}, fp64), one_first = train({}, first), one32 = train({}, fp32),
                one_live = train({}, live);
  fmt::print("N-1, largest relative difference from one device with one microbatch, 20 steps\n");
  fmt::print("{:<28} {:>9} {:>9} {:>10} {:>9} {:>9} {:>11} {:>6}\n", "mesh", "fp64 loss", "tensors", "fp32 grads",
             "loss", "tensors", "biases live", "twice");
  for (const MeshCase& mesh : mesh_cases()) {
    const Numbers parallel = train(mesh.overrides, fp64), again = train(mesh.overrides, fp64);
    const Numbers parallel32 = train(mesh.overrides, fp32);
    fmt::print("{:<28} {:>9.1e} {:>9.1e} {:>10.1e} {:>9.1e} {:>9.1e} {:>11.1e} {:>6}\n", mesh.name,
               worst_loss(one64, parallel), worst_difference(one64.weights, parallel.weights).relative,
               worst_difference(one_first.gradients, train(mesh.overrides, first).gradients).relative,
               worst_loss(one32, parallel32), worst_difference(one32.weights, parallel32.weights).relative,
               worst_loss(one_live, train(mesh.overrides, live)),
               parallel.losses == again.losses && parallel.weights == again.weights ? "equal" : "DIFFER");
  }
  fmt::print(
      "\"biases live\": the loss of free fp32 runs, in which rounding flips top-k choices and then bias moves\n");
  return 0;
}

}  // namespace
}  // namespace dsrun::test

int main() { return dsrun::test::run(); }
