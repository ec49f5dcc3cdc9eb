#include "runtime/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "runtime/hash.hpp"

namespace dsrun {

std::int32_t sample_token(std::span<const float> logits, const Sampling& sampling, std::uint64_t number) {
  const auto likeliest = std::max_element(logits.begin(), logits.end());
  if (sampling.temperature == 0) return static_cast<std::int32_t>(likeliest - logits.begin());
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto logit = [&](std::int32_t token) { return logits[static_cast<std::size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return logit(a) > logit(b); });
  std::vector<double> weights;
  for (const std::int32_t token : order)
    weights.push_back(std::exp((static_cast<double>(logit(token)) - *likeliest) / sampling.temperature));
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < sampling.top_p * total)) kept += weights[count++];
  const std::uint64_t bits = mix64(mix64(sampling.seed) + number) >> 11;
  double left = static_cast<double>(bits) * 0x1p-53 * kept;
  std::size_t chosen = 0;
  while (chosen + 1 < count && left >= weights[chosen]) left -= weights[chosen++];
  return order[chosen];
}

}  // namespace dsrun
