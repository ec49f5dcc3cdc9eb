// Gradients of causal attention by blocks of keys: a block meets the queries from its own position on in pieces and
// makes their weights p = exp(score · scale − lse) again; with d_i = do_i · o_i, ds = p · (do · v − d) · scale:
// dv = pᵀ do, dk = dsᵀ q, dq = ds k. The shared columns' gradient sums over heads in head order.
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/attention.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

constexpr std::int64_t block_rows = attention_block_rows;  // of keys
constexpr std::int64_t piece_rows = attention_piece_rows;  // of queries
static_assert(piece_rows % block_rows == 0);

template <class T>
struct Backward : AttentionHeads<T> {
  using Base = AttentionHeads<T>;
  using typename Base::Scalar;

  // Scratch; sums are of one head, but for the shared columns', which are of the sequence.
  TensorView keys_SC, weights_QB, slopes_QB, dots_S1, dq_SC, dk_BC, dv_BV, dkr_SP;

  explicit Backward(const KernelCall& kernel_call) : Base{kernel_call} {
    const std::int64_t length = kernel_call.batch.sequence_length;
    const std::int64_t queries = std::min(length, piece_rows);
    keys_SC = this->take(dtype_of<T>, length, this->key);
    weights_QB = this->take(Base::scalar, queries, block_rows);
    slopes_QB = this->take(Base::scalar, queries, block_rows);
    dots_S1 = this->take(Base::scalar, length, 1);
    dq_SC = this->take(Base::scalar, length, this->key);
    dk_BC = this->take(Base::scalar, block_rows, this->key);
    dv_BV = this->take(Base::scalar, block_rows, this->value);
    dkr_SP = this->take(Base::scalar, length, this->rope);
  }

  // One head's rows of one sequence.
  struct Operands {
    TensorView q_SC, v_SV, o_SV, do_SV, lse_S1;
  };

  void run_sequence(std::int64_t start) {
    const KernelCall& kernel = this->call;
    const std::int64_t length = kernel.batch.sequence_length;
    const auto part = [&](const TensorView& view) { return view.rows_from(start, length); };
    const auto target = [&](std::size_t input) {
      const GradTarget& whole = kernel.grad_inputs[input];
      return GradTarget{whole.out ? part(whole.out) : TensorView{}, whole.addend ? part(whole.addend) : TensorView{}};
    };
    const TensorView kv = part(kernel.inputs[1]), kr = part(kernel.inputs[2]);
    const GradTarget dq = target(0), dkv = target(1), dkr = target(2);
    std::fill_n(dkr_SP.template as<Scalar>(), dkr_SP.size(), Scalar(0));
    this->place_shared_keys(kr, keys_SC);
    for (std::int64_t head = 0; head < this->heads; ++head) {
      this->place_own_keys(this->k_of(kv, head), keys_SC);
      const Operands operands{this->q_of(part(kernel.inputs[0]), head), this->v_of(kv, head),
                              this->o_of(part(kernel.outputs[0]), head), this->o_of(part(kernel.grad_outputs[0]), head),
                              part(kernel.outputs[1]).columns_from(head, 1)};
      fill_dots(operands);
      for (std::int64_t first = 0; first < length; first += block_rows) {
        run_block(operands, first, std::min(block_rows, length - first));
        store_block(dkv, head, first, std::min(block_rows, length - first));
      }
      store(dq, head * this->key, 0, dq_SC);
    }
    store(dkr, 0, 0, dkr_SP);
  }

  // d_i = do_i · o_i of every row.
  void fill_dots(const Operands& operands) const {
    for (std::int64_t i = 0; i < dots_S1.rows; ++i) {
      *dots_S1.template row<Scalar>(i) =
          dot_row(CpuTeam{}, operands.o_SV.template row<T>(i), operands.do_SV.template row<T>(i), this->value);
    }
  }

  // Keys [first, first + rows) against all queries that see one of them.
  void run_block(const Operands& operands, std::int64_t first, std::int64_t rows) {
    Gemm& gemm = this->call.gemm;
    const std::int64_t length = keys_SC.rows;
    const TensorView k = keys_SC.rows_from(first, rows), v = operands.v_SV.rows_from(first, rows);
    const TensorView dk = dk_BC.rows_from(0, rows), dv = dv_BV.rows_from(0, rows);
    for (std::int64_t piece = first; piece < length; piece += piece_rows) {
      const std::int64_t queries = std::min(piece_rows, length - piece);
      const TensorView q = operands.q_SC.rows_from(piece, queries), out = operands.do_SV.rows_from(piece, queries);
      const TensorView weights{weights_QB.data, queries, rows, block_rows, Base::scalar};
      const TensorView slopes{slopes_QB.data, queries, rows, block_rows, Base::scalar};
      gemm.multiply(q, Transpose::no, k, Transpose::yes, weights);
      gemm.multiply(out, Transpose::no, v, Transpose::yes, slopes);
      for (std::int64_t i = 0; i < queries; ++i) {
        const Scalar lse = *operands.lse_S1.template row<Scalar>(piece + i);
        const Scalar dot = *dots_S1.template row<Scalar>(piece + i);
        turn_row(weights.template row<Scalar>(i), slopes.template row<Scalar>(i), std::min(rows, piece + i + 1 - first),
                 lse, dot);
      }
      const TensorView p = Base::narrowed(weights), ds = Base::narrowed(slopes);
      gemm.multiply(p, Transpose::yes, out, Transpose::no, dv, piece > first);
      gemm.multiply(ds, Transpose::yes, q, Transpose::no, dk, piece > first);
      gemm.multiply(ds, Transpose::no, k, Transpose::no, dq_SC.rows_from(piece, queries), first > 0);
    }
  }

  // Scores become weights and do · v becomes ds, both in T; 0 for keys beyond `seen`.
  void turn_row(Scalar* scores, Scalar* slopes, std::int64_t seen, Scalar lse, Scalar dot) const {
    std::fill(scores + seen, scores + block_rows, -std::numeric_limits<Scalar>::infinity());
    std::fill(slopes + seen, slopes + block_rows, Scalar(0));
    softmax_row_input_gradient(CpuTeam{}, scores, slopes, this->scale, lse, dot, reinterpret_cast<T*>(scores),
                               reinterpret_cast<T*>(slopes), block_rows);
  }

  void store_block(const GradTarget& dkv, std::int64_t head, std::int64_t first, std::int64_t rows) const {
    const std::int64_t column = head * (this->nope + this->value);
    store(dkv, column, first, dk_BC.rows_from(0, rows).columns_from(0, this->nope));
    store(dkv, column + this->nope, first, dv_BV.rows_from(0, rows));
    for (std::int64_t i = 0; i < rows; ++i) {
      const Scalar* from = dk_BC.template row<Scalar>(i) + this->nope;
      Scalar* sum = dkr_SP.template row<Scalar>(first + i);
      for (std::int64_t j = 0; j < this->rope; ++j) sum[j] += from[j];
    }
  }

  // target.out = gradient + addend, for the rectangle of `gradient`'s size at (row, column).
  static void store(const GradTarget& target, std::int64_t column, std::int64_t row, const TensorView& gradient) {
    if (!target.out) return;
    for (std::int64_t i = 0; i < gradient.rows; ++i) {
      const Scalar* from = gradient.row<Scalar>(i);
      T* out = target.out.row<T>(row + i) + column;
      if (target.addend) {
        const T* addend = target.addend.row<T>(row + i) + column;
        for (std::int64_t j = 0; j < gradient.cols; ++j) out[j] = T(from[j] + static_cast<Scalar>(addend[j]));
      } else {
        for (std::int64_t j = 0; j < gradient.cols; ++j) out[j] = T(from[j]);
      }
    }
  }
};

}  // namespace

void attention_backward_input(const KernelCall& call) {
  dispatch_dtype(call.inputs[0].dtype, [&]<class T>(T) {
    const Workspace::Scope scope(call.workspace);
    Backward<T> backward(call);
    const std::int64_t tokens = call.inputs[0].rows;
    for (std::int64_t start = 0; start < tokens; start += call.batch.sequence_length) backward.run_sequence(start);
  });
}

}  // namespace dsrun
