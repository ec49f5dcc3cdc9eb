// Causal attention by blocks of query rows: a block meets the keys up to its last row in pieces, keeping each row's
// maximum and sum of exponentials so far, so that S × S never exists. lse_TH is kept for backward.
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/attention.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

constexpr std::int64_t block_rows = attention_block_rows;  // of queries
constexpr std::int64_t piece_rows = attention_piece_rows;  // of keys
static_assert(piece_rows % block_rows == 0, "each row of a block sees a key of each piece");

template <class T>
struct Forward : AttentionHeads<T> {
  using Base = AttentionHeads<T>;
  using typename Base::Scalar;
  using typename Base::Vector;

  TensorView keys_SC, scores, sums_BV;  // scratch
  SoftmaxSoFar<Scalar> so_far[block_rows];

  explicit Forward(const KernelCall& kernel_call) : Base{kernel_call} {
    const std::int64_t length = kernel_call.batch.sequence_length;
    keys_SC = this->take(dtype_of<T>, length, this->key);
    scores = this->take(Base::scalar, block_rows, Vector::round_up(std::min(length, piece_rows)));
    sums_BV = this->take(Base::scalar, block_rows, this->value);
  }

  void run_sequence(std::int64_t start) {
    const KernelCall& kernel = this->call;
    const std::int64_t length = kernel.batch.sequence_length;
    const TensorView q = kernel.inputs[0].rows_from(start, length), kv = kernel.inputs[1].rows_from(start, length);
    const TensorView kr = kernel.inputs[2].rows_from(start, length);
    const TensorView o = kernel.outputs[0].rows_from(start, length), lse = kernel.outputs[1].rows_from(start, length);
    this->place_shared_keys(kr, keys_SC);
    for (std::int64_t head = 0; head < this->heads; ++head) {
      this->place_own_keys(this->k_of(kv, head), keys_SC);
      for (std::int64_t first = 0; first < length; first += block_rows) {
        const std::int64_t rows = std::min(block_rows, length - first);
        run_block(this->q_of(q, head).rows_from(first, rows), this->v_of(kv, head), first);
        finish_block(this->o_of(o, head).rows_from(first, rows), lse.rows_from(first, rows).columns_from(head, 1));
      }
    }
  }

  void run_block(const TensorView& q_BC, const TensorView& v_SV, std::int64_t first) {
    const std::int64_t last = first + q_BC.rows;
    std::fill_n(so_far, block_rows, SoftmaxSoFar<Scalar>{});
    for (std::int64_t piece = 0; piece < last; piece += piece_rows) {
      const std::int64_t keys = std::min(piece_rows, last - piece);
      const TensorView part{scores.data, q_BC.rows, keys, scores.stride, Base::scalar};
      this->call.gemm.multiply(q_BC, Transpose::no, keys_SC.rows_from(piece, keys), Transpose::yes, part);
      for (std::int64_t i = 0; i < q_BC.rows; ++i) {
        weigh_row(i, part.template row<Scalar>(i), std::min(keys, first + i + 1 - piece), keys);
      }
      this->call.gemm.multiply(Base::narrowed(part), Transpose::no, v_SV.rows_from(piece, keys), Transpose::no,
                               sums_BV.rows_from(0, q_BC.rows), piece > 0);
    }
  }

  // Turns a row's scores into weights in T; beyond `seen` keys, which lie ahead of it, into 0.
  void weigh_row(std::int64_t i, Scalar* row, std::int64_t seen, std::int64_t keys) {
    const std::int64_t whole = Vector::round_up(seen);
    std::fill(row + seen, row + whole, -std::numeric_limits<Scalar>::infinity());
    T* weights = reinterpret_cast<T*>(row);
    const Scalar factor = softmax_row_piece<T>(CpuTeam{}, row, this->scale, so_far[i], weights, whole);
    std::fill(weights + whole, weights + std::max(whole, keys), T(0));
    if (factor == Scalar(1)) return;
    Scalar* sums = sums_BV.template row<Scalar>(i);
    for (std::int64_t j = 0; j < this->value; ++j) sums[j] *= factor;
  }

  void finish_block(const TensorView& o_BV, const TensorView& lse_B1) const {
    for (std::int64_t i = 0; i < o_BV.rows; ++i) {
      *lse_B1.template row<Scalar>(i) =
          softmax_row_end(CpuTeam{}, sums_BV.template row<Scalar>(i), so_far[i], o_BV.template row<T>(i), this->value);
    }
  }
};

}  // namespace

void attention_forward(const KernelCall& call) {
  dispatch_dtype(call.inputs[0].dtype, [&]<class T>(T) {
    const Workspace::Scope scope(call.workspace);
    Forward<T> forward(call);
    const std::int64_t tokens = call.inputs[0].rows;
    for (std::int64_t start = 0; start < tokens; start += call.batch.sequence_length) forward.run_sequence(start);
  });
}

}  // namespace dsrun
