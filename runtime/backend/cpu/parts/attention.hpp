// Code that attention's forward and backward share: it finds each head's columns and puts keys together.
//
// A head's key is [its own N columns | the P columns that all heads share]; products need these side by side. Queries,
// values and outputs are used in place. Legend: models/op.hpp; S: length of a sequence, C = N + P.
#pragma once

#include <algorithm>
#include <cstring>

#include "models/op.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/kernel.hpp"
#include "runtime/backend/row/softmax.hpp"

namespace dsrun {

// A block of queries (forward) or keys (backward) is multiplied with a piece of the other matrix: the scores stay in
// the L2 cache.
inline constexpr std::int64_t attention_block_rows = 64;
inline constexpr std::int64_t attention_piece_rows = 512;

template <class T>
struct AttentionHeads {
  using Scalar = Compute<T>;
  using Vector = Lanes<Scalar>;
  static constexpr Dtype scalar = dtype_of<Scalar>;

  const KernelCall& call;
  std::int64_t heads = call.attributes.heads;
  std::int64_t nope = call.attributes.nope_dim, rope = call.attributes.rope_dim, value = call.attributes.value_dim;
  std::int64_t key = nope + rope;
  Scalar scale = static_cast<Scalar>(call.attributes.softmax_scale);

  TensorView q_of(const TensorView& q_THC, std::int64_t head) const { return q_THC.columns_from(head * key, key); }
  TensorView k_of(const TensorView& kv, std::int64_t head) const {
    return kv.columns_from(head * (nope + value), nope);
  }
  TensorView v_of(const TensorView& kv, std::int64_t head) const {
    return kv.columns_from(head * (nope + value) + nope, value);
  }
  TensorView o_of(const TensorView& o_THV, std::int64_t head) const { return o_THV.columns_from(head * value, value); }

  TensorView take(Dtype dtype, std::int64_t rows, std::int64_t cols) const {
    return matrix(call.workspace.take(static_cast<std::size_t>(rows * cols) * dtype_bytes(dtype)), dtype, rows, cols);
  }

  // keys_SC = [k of a head | kr] for the rows of one sequence: the shared columns once, then each head's own.
  void place_shared_keys(const TensorView& kr_SP, const TensorView& keys_SC) const {
    for (std::int64_t i = 0; i < keys_SC.rows; ++i) std::copy_n(kr_SP.row<T>(i), rope, keys_SC.row<T>(i) + nope);
  }
  void place_own_keys(const TensorView& k_SN, const TensorView& keys_SC) const {
    for (std::int64_t i = 0; i < keys_SC.rows; ++i) std::copy_n(k_SN.row<T>(i), nope, keys_SC.row<T>(i));
  }

  // A matrix of T in the memory of a matrix of scalars. An element is written only after the scalar at its place was
  // read.
  static TensorView narrowed(const TensorView& scalars) {
    return {scalars.data, scalars.rows, scalars.cols,
            scalars.stride * static_cast<std::int64_t>(sizeof(Scalar) / sizeof(T)), dtype_of<T>};
  }
};

}  // namespace dsrun
