// AdamW of one row, arXiv 1711.05101, with decoupled weight decay and bias-corrected moments, and the moving average of
// weights.
#pragma once

#include <cmath>

#include "runtime/backend/adamw.hpp"
#include "runtime/backend/row/team.hpp"

namespace dsrun {

template <class A>
struct AdamwCoefficients {
  A beta1, beta2, eps;
  A step_size;     // lr / (1 − β1^t)
  A inverse_root;  // 1 / sqrt(1 − β2^t)
  A decay;         // 1 − lr · weight_decay
  A gradient_scale;
};

template <class A>
AdamwCoefficients<A> adamw_coefficients(const AdamwStep& step) {
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(step.beta2, static_cast<double>(step.step));
  return {static_cast<A>(step.beta1),
          static_cast<A>(step.beta2),
          static_cast<A>(step.eps),
          static_cast<A>(step.lr / correction1),
          static_cast<A>(1 / std::sqrt(correction2)),
          static_cast<A>(1 - step.lr * step.weight_decay),
          static_cast<A>(step.gradient_scale)};
}

// A: master, gradient; M: moments; T: weights in the compute type.
template <class A, class M, class T, class Team>
DSRUN_HD void adamw_row(const Team& team, const AdamwCoefficients<A>& c, A* master, const A* gradient, M* moment1,
                        M* moment2, T* weights, std::int64_t n) {
  team.each(n, [=](std::int64_t i) {
    const A g = gradient[i] * c.gradient_scale;
    const A m = c.beta1 * static_cast<A>(moment1[i]) + (A(1) - c.beta1) * g;
    const A v = c.beta2 * static_cast<A>(moment2[i]) + (A(1) - c.beta2) * g * g;
    const A w = master[i] * c.decay - c.step_size * m / (std::sqrt(v) * c.inverse_root + c.eps);
    moment1[i] = M(m);
    moment2[i] = M(v);
    master[i] = w;
    weights[i] = T(w);
  });
}

template <class A, class Team>
DSRUN_HD void average_row(const Team& team, A share, const A* values, A* average, std::int64_t n) {
  team.each(n, [=](std::int64_t i) { average[i] += share * (values[i] - average[i]); });
}

}  // namespace dsrun
