#include "models/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dsrun {
namespace {

double magnitude(double scale, double factor) { return 0.1 * scale * std::log(factor) + 1.0; }

// The pair, not necessarily whole, that turns `turns` times within `length` positions.
double pair_turning(double turns, double length, std::int64_t pairs, double theta) {
  return static_cast<double>(pairs) * std::log(length / (turns * 2 * std::numbers::pi)) / std::log(theta);
}

}  // namespace

std::vector<double> rope_frequencies(std::int64_t pairs, double theta, const YarnSpec& yarn) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < pairs; ++i)
    frequencies.push_back(std::pow(theta, -static_cast<double>(i) / static_cast<double>(pairs)));
  if (!yarn.on()) return frequencies;
  // As transformers has it: beyond the columns the bounds may change places, and the ramp then falls.
  const auto last = static_cast<double>(2 * pairs - 1);
  const double first_mixed =
      std::max(std::floor(pair_turning(yarn.beta_fast, yarn.original_length, pairs, theta)), 0.0);
  const double first_divided =
      std::min(std::ceil(pair_turning(yarn.beta_slow, yarn.original_length, pairs, theta)), last);
  const double width = first_divided == first_mixed ? 0.001 : first_divided - first_mixed;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const double divided = std::clamp((static_cast<double>(i) - first_mixed) / width, 0.0, 1.0);
    double& frequency = frequencies[static_cast<std::size_t>(i)];
    frequency = frequency / yarn.factor * divided + frequency * (1 - divided);
  }
  return frequencies;
}

double rope_magnitude(const YarnSpec& yarn) {
  if (!yarn.on()) return 1;
  if (yarn.mscale == 0 || yarn.mscale_all_dim == 0) return magnitude(1, yarn.factor);
  return magnitude(yarn.mscale, yarn.factor) / magnitude(yarn.mscale_all_dim, yarn.factor);
}

double attention_scale(const ModelSpec& model) {
  const double plain = 1.0 / std::sqrt(static_cast<double>(model.nope_dim + model.rope_dim));
  if (!model.yarn.on()) return plain;
  const double mscale = magnitude(model.yarn.mscale_all_dim, model.yarn.factor);
  return plain * mscale * mscale;
}

}  // namespace dsrun
