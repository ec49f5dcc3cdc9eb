// Rotary position embedding of one head's last columns, arXiv 2104.09864; pairs are (2i, 2i+1), as DeepSeek stores
// them.
#pragma once

#include "runtime/backend/row/sums.hpp"

namespace dsrun {

// `rotation` holds cos and sin of every pair at this position: [cos_0, sin_0, cos_1, sin_1, …]. `direction` −1 rotates
// back: the gradient. out = rotated + addend; out may be `in` or `addend`; addend may be null.
template <class T, class Team>
DSRUN_HD void rope_row(const Team& team, const T* in, const T* addend, T* out, const Compute<T>* rotation,
                       std::int64_t pairs, int direction) {
  using A = Compute<T>;
  const auto visit = [&](const auto& put) {
    team.each(pairs, [=](std::int64_t i) {
      const A cosine = rotation[2 * i], sine = A(direction) * rotation[2 * i + 1];
      const A a = load(in, 2 * i), b = load(in, 2 * i + 1);
      put(2 * i, a * cosine - b * sine);
      put(2 * i + 1, a * sine + b * cosine);
    });
  };
  if (addend == nullptr)
    visit([=](std::int64_t i, A value) { store(out, i, value); });
  else
    visit([=](std::int64_t i, A value) { store(out, i, value + load(addend, i)); });
}

// Rotates one head: its first `nope` columns stay the same, the others rotate.
template <class T, class Team>
DSRUN_HD void rope_head_row(const Team& team, const T* in, const T* addend, T* out, const Compute<T>* rotation,
                            std::int64_t nope, std::int64_t pairs, int direction) {
  if (addend == nullptr)
    copy_row<T>(team, in, out, nope);
  else
    add_row<T>(team, in, addend, out, nope);
  rope_row<T>(team, in + nope, addend != nullptr ? addend + nope : nullptr, out + nope, rotation, pairs, direction);
}

}  // namespace dsrun
