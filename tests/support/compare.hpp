// Comparing gathered tensors by name.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace dsrun::test {

using Tensors = std::map<std::string, std::vector<double>>;

struct Difference {
  std::string tensor;   // the worst one; "" when all are equal
  double relative = 0;  // ‖a − b‖ / ‖a‖ of it
};

// A tensor that only one side has differs infinitely.
inline Difference worst_difference(const Tensors& expected, const Tensors& actual) {
  Difference worst;
  const auto consider = [&](const std::string& name, double relative) {
    if (relative > worst.relative || !std::isfinite(relative)) worst = {name, relative};
  };
  for (const auto& [name, a] : expected) {
    const auto found = actual.find(name);
    if (found == actual.end() || found->second.size() != a.size()) return {name, INFINITY};
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      difference += (a[i] - found->second[i]) * (a[i] - found->second[i]);
      norm += a[i] * a[i];
    }
    consider(name, std::sqrt(difference) / (std::sqrt(norm) + 1e-300));
  }
  for (const auto& [name, b] : actual)
    if (!expected.contains(name)) return {name, INFINITY};
  return worst;
}

}  // namespace dsrun::test
