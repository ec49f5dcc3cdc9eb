// Row-wise ops on a CUDA device: launches of the arithmetic in runtime/backend/row/ with a thread block for each row.
// Views are of device memory; shapes and dtypes are those of the CPU's kernels (runtime/backend/cpu/functions.hpp). A
// call returns when its work is on the stream, and throws std::runtime_error if CUDA refuses the work. A call without
// rows does nothing.
//
// To add an op, write its arithmetic over a Team in runtime/backend/row/, and a __global__ function and a launch in
// row_kernels.cu.
#pragma once

#include <cstdint>

#include "runtime/backend/adamw.hpp"
#include "runtime/backend/row/kv_latent.hpp"
#include "runtime/backend/row/router.hpp"
#include "runtime/memory/tensor.hpp"

struct CUstream_st;

namespace dsrun::cuda {

using Stream = CUstream_st*;

// `addend` may be null; else out = contribution + addend. It may be the same memory as `out`.

void rms_norm(const TensorView& x, const TensorView& weight, double eps, const TensorView& y, Stream stream);
void rms_norm_input_gradient(const TensorView& x, const TensorView& weight, const TensorView& dy, double eps,
                             const TensorView& addend, const TensorView& dx, Stream stream);
// partials [P × D], wide: scratch; P > 0 sets the sum's association and how many blocks work.
void rms_norm_weight_gradient(const TensorView& x, const TensorView& dy, double eps, const TensorView& partials,
                              bool accumulate, const TensorView& dweight, Stream stream);

// heads × (nope + 2 · pairs) columns, of which the last 2 · pairs of each head are rotated. Token t stands at position
// t mod sequence_length; row p of `rotation`, wide, is [cos_0, sin_0, cos_1, …] at position p.
struct RopeHeads {
  std::int64_t heads, nope, pairs, sequence_length;
};
// direction: 1, or −1 to rotate back, which is the gradient. `out` may be `in`.
void rope(const RopeHeads& shape, const TensorView& in, const TensorView& rotation, int direction,
          const TensorView& addend, const TensorView& out, Stream stream);

// factors [T × 1], wide: each row's factor; null: all are 1.
void swiglu(const TensorView& in, const TensorView& factors, const TensorView& out, Stream stream);
// dfactors [T × 1], wide, may be null.
void swiglu_input_gradient(const TensorView& in, const TensorView& factors, const TensorView& dout,
                           const TensorView& addend, const TensorView& din, const TensorView& dfactors, Stream stream);

// logits, gates, scores: wide; bias [E].
void router(const RouterShape& shape, const TensorView& logits, const float* bias, const TensorView& gates,
            const TensorView& indices, const TensorView& scores, Stream stream);
void router_input_gradient(const RouterShape& shape, const TensorView& dgates, const TensorView& indices,
                           const TensorView& scores, const TensorView& addend, const TensorView& dlogits,
                           Stream stream);

// Rotations as rope's; token t stands at position t mod sequence_length.
void kv_latent(const LatentShape& shape, std::int64_t sequence_length, const TensorView& in, const TensorView& weight,
               const TensorView& rotation, const TensorView& latent, const TensorView& key, Stream stream);
void kv_latent_input_gradient(const LatentShape& shape, std::int64_t sequence_length, const TensorView& in,
                              const TensorView& weight, const TensorView& rotation, const TensorView& dlatent,
                              const TensorView& dkey, const TensorView& addend, const TensorView& din, Stream stream);

void add(const TensorView& x, const TensorView& y, const TensorView& z, Stream stream);
// out row t = Σ rows t, t + out.rows, t + 2 · out.rows, … in that order.
void sum_slices(const TensorView& slices, const TensorView& out, Stream stream);

// tokens [T].
void embed(const TensorView& weight, const std::int32_t* tokens, const TensorView& x, Stream stream);
void embed_weight_gradient(const TensorView& dx, const std::int32_t* tokens, bool accumulate, const TensorView& dweight,
                           Stream stream);

// Row t of scores, wide, sees keys 0 … t. `piece` keys are processed at a time.
struct SoftmaxPieces {
  std::int64_t keys, columns, piece;
  double scale;
};
// out [T × columns] = softmax(scores · scale) values [keys × columns]; weights [T × keys] and sums [T × columns], wide,
// are scratch; lse [T × 1], wide.
void softmax_sum(const SoftmaxPieces& shape, const TensorView& scores, const TensorView& values,
                 const TensorView& weights, const TensorView& sums, const TensorView& out, const TensorView& lse,
                 Stream stream);
// dweights, wide: dout valuesᵀ. Fills weights and dscores [T × keys] as far as a row sees.
void softmax_input_gradient(const SoftmaxPieces& shape, const TensorView& scores, const TensorView& dweights,
                            const TensorView& out, const TensorView& dout, const TensorView& lse,
                            const TensorView& weights, const TensorView& dscores, Stream stream);
// logits and lse [T × 1]: wide; dlogits = softmax − onehot(target).
void log_sum_exp(const TensorView& logits, const TensorView& lse, Stream stream);
void cross_entropy_gradient(const TensorView& logits, const TensorView& lse, const std::int32_t* targets,
                            double loss_weight, const TensorView& dlogits, Stream stream);

void adamw_update(const AdamwStep& step, const TensorView& master, const TensorView& gradient,
                  const TensorView& moment1, const TensorView& moment2, const TensorView& weights, Stream stream);

void average_weights(double decay, const TensorView& values, const TensorView& average, Stream stream);

}  // namespace dsrun::cuda
