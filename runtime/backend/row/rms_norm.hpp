// RMSNorm of one row, y = w · x / sqrt(mean(x²) + eps), arXiv 1910.07467; sums in fp32 (fp64).
#pragma once

#include <cmath>

#include "runtime/backend/row/team.hpp"

namespace dsrun {

template <class T, class Team>
DSRUN_HD Compute<T> inverse_rms(const Team& team, const T* x, std::int64_t n, double eps) {
  using A = Compute<T>;
  const A squares = team.sum(n, [=](auto i) { return load(x, i) * load(x, i); });
  return A(1) / std::sqrt(squares / A(n) + A(eps));
}

template <class T, class Team>
DSRUN_HD void rms_norm_row(const Team& team, const T* x, const T* weight, T* y, std::int64_t n, double eps) {
  const Compute<T> inverse = inverse_rms(team, x, n, eps);
  team.each(n, [=](auto i) { store(y, i, load(x, i) * inverse * load(weight, i)); });
}

// dx = inv · (w·dy − x · inv² · mean(w·dy·x)) + addend; addend may be null or dx itself.
template <class T, class Team>
DSRUN_HD void rms_norm_row_input_gradient(const Team& team, const T* x, const T* weight, const T* dy, const T* addend,
                                          T* dx, std::int64_t n, double eps) {
  using A = Compute<T>;
  const A inverse = inverse_rms(team, x, n, eps);
  const A dot = team.sum(n, [=](auto i) { return load(weight, i) * load(dy, i) * load(x, i); });
  const A slope = dot * inverse * inverse / A(n);
  if (addend == nullptr)
    team.each(n, [=](auto i) { store(dx, i, inverse * (load(weight, i) * load(dy, i) - load(x, i) * slope)); });
  else
    team.each(n, [=](auto i) {
      store(dx, i, inverse * (load(weight, i) * load(dy, i) - load(x, i) * slope) + load(addend, i));
    });
}

// dw += dy · x · inv.
template <class T, class Team>
DSRUN_HD void rms_norm_row_weight_gradient(const Team& team, const T* x, const T* dy, Compute<T>* dw, std::int64_t n,
                                           double eps) {
  const Compute<T> inverse = inverse_rms(team, x, n, eps);
  team.each(n, [=](auto i) { store(dw, i, load(dw, i) + load(dy, i) * load(x, i) * inverse); });
}

}  // namespace dsrun
