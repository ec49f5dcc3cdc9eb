// Cosines and sines of RoPE by position and pair, kept per thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace dsrun {

template <class A>
class RotationTable {
 public:
  // [cos, sin] of each of `pairs` pairs at `position` < length; angle = position · theta^(−2i / 2·pairs).
  const A* at(std::int64_t position) const { return table_.data() + position * 2 * pairs_; }

  static const RotationTable& of(std::int64_t length, std::int64_t pairs, double theta) {
    thread_local RotationTable table;
    if (table.length_ < length || table.pairs_ != pairs || table.theta_ != theta) table.fill(length, pairs, theta);
    return table;
  }

 private:
  void fill(std::int64_t length, std::int64_t pairs, double theta) {
    length_ = length;
    pairs_ = pairs;
    theta_ = theta;
    table_.resize(static_cast<std::size_t>(length * pairs * 2));
    for (std::int64_t p = 0; p < length; ++p)
      for (std::int64_t i = 0; i < pairs; ++i) {
        const double exponent = -static_cast<double>(i) / static_cast<double>(pairs);
        const double angle = static_cast<double>(p) * std::pow(theta, exponent);
        table_[static_cast<std::size_t>((p * pairs + i) * 2)] = static_cast<A>(std::cos(angle));
        table_[static_cast<std::size_t>((p * pairs + i) * 2 + 1)] = static_cast<A>(std::sin(angle));
      }
  }

  std::int64_t length_ = 0;
  std::int64_t pairs_ = 0;
  double theta_ = 0;
  std::vector<A> table_;
};

}  // namespace dsrun
