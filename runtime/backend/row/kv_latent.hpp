// A token's whole cache entry in multi-head latent attention, arXiv 2405.04434: [RMSNorm of the first `rank` columns |
// RoPE of the last 2 · pairs].
#pragma once

#include "runtime/backend/row/rms_norm.hpp"
#include "runtime/backend/row/rope.hpp"

namespace dsrun {

struct LatentShape {
  std::int64_t rank, pairs;
  double eps;
};

template <class T, class Team>
DSRUN_HD void kv_latent_row(const Team& team, const LatentShape& shape, const T* in, const T* weight,
                            const Compute<T>* rotation, T* latent, T* key) {
  rms_norm_row(team, in, weight, latent, shape.rank, shape.eps);
  rope_row<T>(team, in + shape.rank, nullptr, key, rotation, shape.pairs, 1);
}

// addend may be null or din itself.
template <class T, class Team>
DSRUN_HD void kv_latent_row_input_gradient(const Team& team, const LatentShape& shape, const T* in, const T* weight,
                                           const Compute<T>* rotation, const T* dlatent, const T* dkey, const T* addend,
                                           T* din) {
  rms_norm_row_input_gradient<T>(team, in, weight, dlatent, addend, din, shape.rank, shape.eps);
  rope_row<T>(team, dkey, addend != nullptr ? addend + shape.rank : nullptr, din + shape.rank, rotation, shape.pairs,
              -1);
}

}  // namespace dsrun
