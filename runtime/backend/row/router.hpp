// DeepSeek-V3's router for one token, arXiv 2412.19437, equations 12–16: sigmoid scores, group-limited top-k with a
// bias that takes part in the selection alone, gates normalised over the selected. Ties go to the lowest index.
#pragma once

#include <cstdint>
#include <limits>

#include "runtime/backend/row/math.hpp"
#include "runtime/backend/row/team.hpp"

namespace dsrun {

struct RouterShape {
  int experts;
  int experts_per_token;
  int groups;
  int groups_per_token;
  double scaling;
};

// Scratch of one token: selection scores z [experts], group scores [groups].
template <class A>
struct RouterScratch {
  A* z;
  A* group_scores;
};

// Sum of the two largest of n values; if n is 1, that value.
template <class A>
DSRUN_HD A top_two(const A* values, int n) {
  A first = values[0], second = -std::numeric_limits<A>::infinity();
  for (int i = 1; i < n; ++i) {
    const A lower = values[i] > first ? first : values[i];
    second = lower > second ? lower : second;
    first = values[i] > first ? values[i] : first;
  }
  return n > 1 ? first + second : first;
}

// Keeps the experts of a group in the selection if fewer than groups_per_token groups are better.
template <class A, class Team>
DSRUN_HD void limit_groups(const Team& team, const RouterShape& shape, RouterScratch<A> scratch) {
  const int size = shape.experts / shape.groups;
  team.each(shape.groups, [=](std::int64_t g) { scratch.group_scores[g] = top_two(scratch.z + g * size, size); });
  team.each(shape.groups, [=](std::int64_t g) {
    const A own = scratch.group_scores[g];
    int better = 0;
    for (int other = 0; other < shape.groups; ++other) {
      const A score = scratch.group_scores[other];
      better += int(score > own) | (int(score == own) & int(other < g));
    }
    if (better < shape.groups_per_token) return;
    for (int i = 0; i < size; ++i) scratch.z[g * size + i] = -std::numeric_limits<A>::infinity();
  });
}

template <class A, class Team>
DSRUN_HD void select_experts(const Team& team, const RouterShape& shape, RouterScratch<A> scratch,
                             std::int32_t* indices) {
  A* z = scratch.z;
  if (shape.groups > shape.groups_per_token) limit_groups(team, shape, scratch);
  for (int k = 0; k < shape.experts_per_token; ++k) {
    const A best = team.max(shape.experts, [=](auto e) { return load(z, e); });
    std::int64_t chosen = shape.experts;
    if (best > -std::numeric_limits<A>::infinity())
      chosen = team.first(shape.experts, [=](std::int64_t e) { return z[e] == best; });
    else  // nothing but NaNs is left: any expert not yet chosen, so that indices stay valid until the loss shows it
      chosen = team.first(shape.experts, [=](std::int64_t e) {
        for (int i = 0; i < k; ++i)
          if (indices[i] == e) return false;
        return true;
      });
    team.once([=] {
      indices[k] = static_cast<std::int32_t>(chosen);
      z[chosen] = -std::numeric_limits<A>::infinity();
    });
  }
}

// Finds the experts that scores alone, without biases, would choose.
template <class A, class Team>
DSRUN_HD void unbiased_choice_row(const Team& team, const RouterShape& shape, const A* scores, RouterScratch<A> scratch,
                                  std::int32_t* indices) {
  team.each(shape.experts, [=](std::int64_t e) { scratch.z[e] = scores[e]; });
  select_experts(team, shape, scratch, indices);
}

// Sequence-wise balance loss, arXiv 2412.19437, equations 17–20: α Σ_e f_e P_e, where P_e is the sequence's mean of a
// token's share s'_e = s_e / Σ s. `slopes` holds α f_e, [E]. Adds the loss's gradient to dlogits; returns Σ α f_e s'_e.
template <class T, class Team>
DSRUN_HD Compute<T> balance_row_input_gradient(const Team& team, std::int64_t experts, const Compute<T>* scores,
                                               const Compute<T>* slopes, T* dlogits) {
  using A = Compute<T>;
  const A sum = team.sum(experts, [=](auto e) { return load(scores, e); });
  const A mean = team.sum(experts, [=](auto e) { return load(scores, e) * load(slopes, e); }) / sum;
  team.each(experts, [=](auto e) {
    const auto s = load(scores, e);
    store(dlogits, e, load(dlogits, e) + (load(slopes, e) - mean) / sum * s * (A(1) - s));
  });
  return mean;
}

template <class A, class Team>
DSRUN_HD void router_row(const Team& team, const RouterShape& shape, const A* logits, const float* bias,
                         RouterScratch<A> scratch, A* gates, std::int32_t* indices, A* scores) {
  A* z = scratch.z;
  team.each(shape.experts, [=](std::int64_t e) {
    scores[e] = sigmoid(logits[e]);
    z[e] = scores[e] + A(bias[e]);
  });
  select_experts(team, shape, scratch, indices);
  A sum = A(1e-20);
  for (int k = 0; k < shape.experts_per_token; ++k) sum += scores[indices[k]];
  team.each(shape.experts_per_token, [=](std::int64_t k) { gates[k] = A(shape.scaling) * scores[indices[k]] / sum; });
}

// dlogits from dgates, + addend (null, or dlogits itself); the contribution is 0 but for the selected experts.
template <class T, class Team>
DSRUN_HD void router_row_input_gradient(const Team& team, const RouterShape& shape, const Compute<T>* dgates,
                                        const std::int32_t* indices, const Compute<T>* scores, const T* addend,
                                        T* dlogits) {
  using A = Compute<T>;
  if (addend == nullptr)
    team.each(shape.experts, [=](std::int64_t e) { store(dlogits, e, A(0)); });
  else if (addend != dlogits)
    team.each(shape.experts, [=](std::int64_t e) { dlogits[e] = addend[e]; });
  A sum = A(1e-20), weighted = A(0);
  for (int k = 0; k < shape.experts_per_token; ++k) {
    sum += scores[indices[k]];
    weighted += dgates[k] * scores[indices[k]];
  }
  team.each(shape.experts_per_token, [=](std::int64_t k) {
    const A s = scores[indices[k]];
    const A dscore = A(shape.scaling) * (dgates[k] - weighted / sum) / sum;
    store(dlogits, indices[k], load(dlogits, indices[k]) + dscore * s * (A(1) - s));
  });
}

}  // namespace dsrun
