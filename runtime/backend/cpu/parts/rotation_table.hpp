// A table of RoPE's cosines and sines by position and pair, one for each thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "models/op.hpp"
#include "models/rope.hpp"

namespace dsrun {

template <class A>
class RotationTable {
 public:
  // [cos, sin] of each pair at `position` < length.
  const A* at(std::int64_t position) const { return table_.data() + position * attributes_.rope_dim; }

  static const RotationTable& of(std::int64_t length, const OpAttributes& attributes) {
    thread_local RotationTable table;
    if (!table.serves(length, attributes)) table.fill(length, attributes);
    return table;
  }

 private:
  bool serves(std::int64_t length, const OpAttributes& wanted) const {
    return length <= length_ && wanted.rope_dim == attributes_.rope_dim &&
           wanted.rope_theta == attributes_.rope_theta && wanted.yarn == attributes_.yarn;
  }

  void fill(std::int64_t length, const OpAttributes& attributes) {
    length_ = length;
    attributes_ = attributes;
    const auto frequencies = rope_frequencies(attributes.rope_dim / 2, attributes.rope_theta, attributes.yarn);
    const double magnitude = rope_magnitude(attributes.yarn);
    table_.clear();
    for (std::int64_t position = 0; position < length; ++position)
      for (const double frequency : frequencies) {
        const double angle = static_cast<double>(position) * frequency;
        table_.push_back(static_cast<A>(magnitude * std::cos(angle)));
        table_.push_back(static_cast<A>(magnitude * std::sin(angle)));
      }
  }

  std::int64_t length_ = 0;
  OpAttributes attributes_;
  std::vector<A> table_;
};

}  // namespace dsrun
