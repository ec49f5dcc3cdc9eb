// SwiGLU of one row [gate | up] of 2n, arXiv 2002.05202, with an optional factor for the whole row (a router's gate).
#pragma once

#include "runtime/kernels/row/math.hpp"
#include "runtime/kernels/row/team.hpp"

namespace dsrun {

template <class T, class Team>
DSRUN_HD void swiglu_row(const Team& team, const T* in, Compute<T> factor, T* out, std::int64_t n) {
  using A = Compute<T>;
  team.each(n, [=](std::int64_t i) {
    const A gate = load(in, i);
    store(out, i, factor * gate * sigmoid(gate) * load(in, n + i));
  });
}

// Fills din [2n]; returns Σ dout · silu(gate) · up, the factor's gradient.
template <class T, class Team>
DSRUN_HD Compute<T> swiglu_row_input_gradient(const Team& team, const T* in, Compute<T> factor, const T* dout, T* din,
                                              std::int64_t n) {
  using A = Compute<T>;
  const A of_factor = team.sum(n, [=](std::int64_t i) {
    const A gate = load(in, i);
    return load(dout, i) * gate * sigmoid(gate) * load(in, n + i);
  });
  team.each(n, [=](std::int64_t i) {
    const A gate = load(in, i), up = load(in, n + i), slope = factor * load(dout, i);
    const A s = sigmoid(gate);
    store(din, i, slope * up * s * (A(1) + gate * (A(1) - s)));
    store(din, n + i, slope * gate * s);
  });
  return of_factor;
}

}  // namespace dsrun
