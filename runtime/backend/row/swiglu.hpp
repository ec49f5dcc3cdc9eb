// SwiGLU of one row [gate | up] of 2n elements, arXiv 2002.05202, with a factor for the whole row (a router's gate, or
// 1).
#pragma once

#include "runtime/backend/row/math.hpp"
#include "runtime/backend/row/team.hpp"

namespace dsrun {

// Computes n columns; `gates` and `ups` may be anywhere.
template <class T, class Team>
DSRUN_HD void swiglu_row(const Team& team, const T* gates, const T* ups, Compute<T> factor, T* out, std::int64_t n) {
  team.each(n, [=](auto i) { store(out, i, factor * load(ups, i) * silu<T>(load(gates, i))); });
}

// Fills din [2n]; returns Σ dout · silu(gate) · up, the factor's gradient. `addend` may be null or din itself.
template <class T, class Team>
DSRUN_HD Compute<T> swiglu_row_input_gradient(const Team& team, const T* in, Compute<T> factor, const T* dout,
                                              const T* addend, T* din, std::int64_t n) {
  using A = Compute<T>;
  const auto visit = [&](const auto& put) {
    return team.sum(n, [=](auto i) {
      const auto gate = load(in, i), up = load(in, n + i), d = load(dout, i);
      const auto s = sigmoid(gate), slope = factor * d;
      put(i, slope * up * s * (A(1) + gate * (A(1) - s)));
      put(n + i, slope * gate * s);
      return d * gate * s * up;
    });
  };
  if (addend == nullptr) return visit([=](auto i, const auto& value) { store(din, i, value); });
  return visit([=](auto i, const auto& value) { store(din, i, value + load(addend, i)); });
}

}  // namespace dsrun
