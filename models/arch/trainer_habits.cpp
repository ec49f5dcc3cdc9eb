#include "models/arch/trainer_habits.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include <fmt/format.h>

namespace dsrun {
namespace {

using Biases = std::span<const std::vector<float>>;

bool is_zero(const std::vector<float>& layer) {
  return std::all_of(layer.begin(), layer.end(), [](float bias) { return bias == 0; });
}

bool all_zero(Biases layers) { return std::all_of(layers.begin(), layers.end(), is_zero); }

// Within the rounding of many steps in fp32.
bool is_centred(const std::vector<float>& layer) {
  double sum = 0, size = 0;
  for (const float bias : layer) {
    sum += bias;
    size += std::abs(bias);
  }
  return std::abs(sum) <= 1e-4 * size;
}

std::string eps_habit(double eps) {
  return fmt::format(
      "rms_norm_eps is {}: megatron-core and torchtitan use it for the norms of MLA's latents too, and "
      "transformers uses 1e-6. For weights trained there set model.latent_norm_eps = {}",
      eps, eps);
}

}  // namespace

std::vector<std::string> trainer_habits(const ModelSpec& model, const std::vector<std::vector<float>>& biases) {
  std::vector<std::string> found;
  if (model.norm_eps != model.latent_norm_eps) found.push_back(eps_habit(model.norm_eps));
  if (biases.empty()) return found;
  const auto modules = std::min(static_cast<std::size_t>(model.mtp_depth), biases.size());
  const Biases main = Biases(biases).first(biases.size() - modules), last = Biases(biases).last(modules);
  if (all_zero(main)) {
    found.emplace_back(
        "all biases of the routers are 0: the model is new, or was trained without them, as by megatron-core's "
        "default, or kept them, as DeepSpeed does. Here they move; balance.bias_speed = 0 keeps them");
    return found;
  }
  if (std::all_of(main.begin(), main.end(), is_centred))
    found.emplace_back(
        "the biases of each router sum to 0, as torchtitan centres them. Here the sum drifts, which "
        "changes no choice of experts");
  if (modules > 0 && all_zero(last))
    found.emplace_back(
        "the biases of the prediction modules are 0, as torchtitan leaves them. Here they are balanced "
        "from the first step on, and the modules' load will change");
  return found;
}

}  // namespace dsrun
