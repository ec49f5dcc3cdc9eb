// DeepSeek-V3's router for one token, arXiv 2412.19437, equations 12–16: sigmoid scores, group-limited top-k with a
// bias that takes part in the selection alone, gates normalised over the selected. Ties go to the lowest index.
#pragma once

#include <cstdint>
#include <limits>

#include "runtime/kernels/row/math.hpp"
#include "runtime/kernels/row/team.hpp"

namespace dsrun {

struct RouterShape {
  int experts;
  int experts_per_token;
  int groups;
  int groups_per_token;
  double scaling;
};

// The index of the largest of `n` values at least not marked in `taken`; one thread's work: n is small.
template <class A>
DSRUN_HD int largest_untaken(const A* values, int n, const bool* taken) {
  int best = -1;
  for (int i = 0; i < n; ++i)
    if (!taken[i] && (best < 0 || values[i] > values[best])) best = i;
  return best;
}

// Scratch of one token: selection scores z [experts], group scores [groups], marks [max(experts, groups)].
template <class A>
struct RouterScratch {
  A* z;
  A* group_scores;
  bool* taken;
};

template <class A>
DSRUN_HD void select_experts(const RouterShape& shape, RouterScratch<A> scratch, std::int32_t* indices) {
  const int size = shape.experts / shape.groups;
  for (int g = 0; g < shape.groups; ++g) {
    A first = -std::numeric_limits<A>::infinity(), second = first;
    for (int i = 0; i < size; ++i) {
      const A z = scratch.z[g * size + i];
      if (z > first) {
        second = first;
        first = z;
      } else if (z > second) {
        second = z;
      }
    }
    scratch.group_scores[g] = size > 1 ? first + second : first;
    scratch.taken[g] = false;
  }
  for (int kept = 0; kept < shape.groups_per_token; ++kept)
    scratch.taken[largest_untaken(scratch.group_scores, shape.groups, scratch.taken)] = true;
  for (int g = 0; g < shape.groups; ++g)
    if (!scratch.taken[g])
      for (int i = 0; i < size; ++i) scratch.z[g * size + i] = -std::numeric_limits<A>::infinity();
  for (int e = 0; e < shape.experts; ++e) scratch.taken[e] = false;
  for (int k = 0; k < shape.experts_per_token; ++k) {
    indices[k] = largest_untaken(scratch.z, shape.experts, scratch.taken);
    scratch.taken[indices[k]] = true;
  }
}

template <class A, class Team>
DSRUN_HD void router_row(const Team& team, const RouterShape& shape, const A* logits, const float* bias,
                         RouterScratch<A> scratch, A* gates, std::int32_t* indices, A* scores) {
  A* z = scratch.z;
  team.each(shape.experts, [=](std::int64_t e) {
    scores[e] = sigmoid(logits[e]);
    z[e] = scores[e] + A(bias[e]);
  });
  select_experts(shape, scratch, indices);
  A sum = A(1e-20);
  for (int k = 0; k < shape.experts_per_token; ++k) sum += scores[indices[k]];
  for (int k = 0; k < shape.experts_per_token; ++k) gates[k] = A(shape.scaling) * scores[indices[k]] / sum;
}

// dlogits from dgates; zero but for the selected experts.
template <class T, class Team>
DSRUN_HD void router_row_input_gradient(const Team& team, const RouterShape& shape, const Compute<T>* dgates,
                                        const std::int32_t* indices, const Compute<T>* scores, T* dlogits) {
  using A = Compute<T>;
  team.each(shape.experts, [=](std::int64_t e) { store(dlogits, e, A(0)); });
  A sum = A(1e-20), weighted = A(0);
  for (int k = 0; k < shape.experts_per_token; ++k) {
    sum += scores[indices[k]];
    weighted += dgates[k] * scores[indices[k]];
  }
  for (int k = 0; k < shape.experts_per_token; ++k) {
    const A s = scores[indices[k]];
    const A dscore = A(shape.scaling) * (dgates[k] - weighted / sum) / sum;
    store(dlogits, indices[k], dscore * s * (A(1) - s));
  }
}

}  // namespace dsrun
