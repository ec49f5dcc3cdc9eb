// Softmaxes of one row: attention's, one piece of keys after the other (arXiv 1805.02867), and that of cross entropy
// over a vocabulary. Gradients compute the weights again from the row's log-sum-exp.
//
// Results of type T may overwrite the Compute<T> numbers that they come from, if the Team visits elements in order as
// CpuTeam does. Then an element is written only after the number at its place was read.
#pragma once

#include <cmath>
#include <limits>

#include "runtime/backend/row/math.hpp"
#include "runtime/backend/row/team.hpp"

namespace dsrun {

// The largest of the scores so far, and the sum of their exponentials relative to it.
template <class A>
struct SoftmaxSoFar {
  A most = -std::numeric_limits<A>::infinity();
  A total = 0;
};

// Adds a piece of n ≥ 1 scores, −inf where masked: weights = exp(score · scale − most). Returns the factor for the
// weighted sums of earlier pieces, whose weights were relative to a smaller maximum.
template <class T, class Team>
DSRUN_HD Compute<T> softmax_row_piece(const Team& team, const Compute<T>* scores, Compute<T> scale,
                                      SoftmaxSoFar<Compute<T>>& so_far, T* weights, std::int64_t n) {
  using A = Compute<T>;
  const A most = larger_of(so_far.most, scale * team.max(n, [=](auto i) { return load(scores, i); }));
  const A sum = team.sum(n, [=](auto i) {
    const auto weight = exp_or_zero(load(scores, i) * scale - most);
    store(weights, i, weight);
    return weight;
  });
  const A factor = so_far.total > 0 && most > so_far.most ? std::exp(so_far.most - most) : A(1);
  so_far = {most, so_far.total * factor + sum};
  return factor;
}

// out = sums / total; returns the log-sum-exp.
template <class T, class Team>
DSRUN_HD Compute<T> softmax_row_end(const Team& team, const Compute<T>* sums, SoftmaxSoFar<Compute<T>> so_far, T* out,
                                    std::int64_t n) {
  const Compute<T> inverse = Compute<T>(1) / so_far.total;
  team.each(n, [=](auto i) { store(out, i, load(sums, i) * inverse); });
  return so_far.most + std::log(so_far.total);
}

// Σ a · b, which a softmax's gradient subtracts. a is the row of outputs, b the row of their gradients.
template <class T, class Team>
DSRUN_HD Compute<T> dot_row(const Team& team, const T* a, const T* b, std::int64_t n) {
  return team.sum(n, [=](auto i) { return load(a, i) * load(b, i); });
}

// weights = exp(score · scale − lse); dscores = weights · (dweights − dot) · scale.
template <class T, class Team>
DSRUN_HD void softmax_row_input_gradient(const Team& team, const Compute<T>* scores, const Compute<T>* dweights,
                                         Compute<T> scale, Compute<T> lse, Compute<T> dot, T* weights, T* dscores,
                                         std::int64_t n) {
  team.each(n, [=](auto i) {
    const auto weight = exp_or_zero(load(scores, i) * scale - lse);
    const auto slope = weight * (load(dweights, i) - dot) * scale;
    store(weights, i, weight);
    store(dscores, i, slope);
  });
}

template <class A, class Team>
DSRUN_HD A log_sum_exp_row(const Team& team, const A* logits, std::int64_t n) {
  const A most = team.max(n, [=](auto i) { return load(logits, i); });
  return most + std::log(team.sum(n, [=](auto i) { return exp_or_zero(load(logits, i) - most); }));
}

// dlogits = loss_weight · (softmax − onehot(target)).
template <class T, class Team>
DSRUN_HD void cross_entropy_row_gradient(const Team& team, const Compute<T>* logits, Compute<T> lse,
                                         std::int64_t target, Compute<T> loss_weight, T* dlogits, std::int64_t n) {
  const Compute<T> at_target = loss_weight * (std::exp(logits[target] - lse) - Compute<T>(1));
  team.each(n, [=](auto i) { store(dlogits, i, exp_or_zero(load(logits, i) - lse) * loss_weight); });
  team.once([=] { store(dlogits, target, at_target); });
}

}  // namespace dsrun
