// Rotary position embedding of one head's last columns, arXiv 2104.09864; pairs are (2i, 2i+1), as DeepSeek stores
// them.
#pragma once

#include "runtime/kernels/row/team.hpp"

namespace dsrun {

// `rotation` holds cos and sin of every pair at this position: [cos_0, sin_0, cos_1, sin_1, …]. `direction` −1 rotates
// back: the gradient. in and out may be the same.
template <class T, class Team>
DSRUN_HD void rope_row(const Team& team, const T* in, T* out, const Compute<T>* rotation, std::int64_t pairs,
                       int direction) {
  using A = Compute<T>;
  team.each(pairs, [=](std::int64_t i) {
    const A cosine = rotation[2 * i], sine = A(direction) * rotation[2 * i + 1];
    const A a = load(in, 2 * i), b = load(in, 2 * i + 1);
    store(out, 2 * i, a * cosine - b * sine);
    store(out, 2 * i + 1, a * sine + b * cosine);
  });
}

}  // namespace dsrun
