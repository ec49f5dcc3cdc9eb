// Cross entropy of the head's logits x_TD Wᵀ, in chunks of rows so that tokens × vocabulary never exists whole. Forward
// keeps lse_T1; both backward functions make a chunk's logits again and turn them into softmax − onehot. The loss is a
// sum over unmasked positions: gradients are those of the sum, times the call's loss_weight.
#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/cpu/parts/grad_target.hpp"
#include "runtime/backend/cpu/parts/head_loss_chunk.hpp"
#include "runtime/backend/row/softmax.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {

// 2 MiB of fp32 logits, but rows enough for an efficient product.
std::int64_t head_loss_chunk_rows(std::int64_t vocab) {
  const std::int64_t rows = (std::int64_t{1} << 19) / std::max<std::int64_t>(vocab, 1);
  return std::clamp<std::int64_t>(rows / 64 * 64, 64, 512);
}

namespace {

// Chunks of a call; T is the dtype of x and W.
template <class T>
struct Head {
  using Scalar = Compute<T>;
  const KernelCall& call;
  const TensorView& x = call.inputs[0];
  const TensorView& weight = call.params[0];
  std::int64_t vocab = weight.rows;
  std::int64_t padded = Lanes<Scalar>::round_up(vocab);
  std::int64_t chunk = std::min(head_loss_chunk_rows(vocab), std::max<std::int64_t>(x.rows, 1));
  Scalar* logits = call.workspace.take_array<Scalar>(static_cast<std::size_t>(chunk * padded));

  bool is_counted(std::int64_t token) const { return call.batch.mask == nullptr || call.batch.mask[token] != 0; }

  // Calls visit(first row, logits of the chunk) for each chunk. Rows are padded with −inf to whole vectors.
  template <class Visit>
  void for_each_chunk(const Visit& visit) const {
    for (std::int64_t first = 0; first < x.rows; first += chunk) {
      const std::int64_t rows = std::min(chunk, x.rows - first);
      const TensorView part{logits, rows, vocab, padded, dtype_of<Scalar>};
      call.gemm.multiply(x.rows_from(first, rows), Transpose::no, weight, Transpose::yes, part);
      for (std::int64_t i = 0; i < rows; ++i) {
        std::fill(part.row<Scalar>(i) + vocab, part.row<Scalar>(i) + padded, -std::numeric_limits<Scalar>::infinity());
      }
      visit(first, part);
    }
  }

  // The chunk's logits become loss_weight · (softmax − onehot) in T, in the same memory: element j is written after it
  // was read.
  TensorView turn_into_gradient(std::int64_t first, const TensorView& part) const {
    constexpr std::int64_t times = sizeof(Scalar) / sizeof(T);
    const TensorView gradient{logits, part.rows, vocab, padded * times, dtype_of<T>};
    const Scalar* lse = call.outputs[0].as<Scalar>();
    for (std::int64_t i = 0; i < part.rows; ++i) {
      T* out = gradient.row<T>(i);
      if (!is_counted(first + i)) {
        std::fill(out, out + vocab, T(0));
        continue;
      }
      cross_entropy_row_gradient(CpuTeam{}, part.row<Scalar>(i), lse[(first + i) * call.outputs[0].stride],
                                 call.batch.targets[first + i], static_cast<Scalar>(call.batch.loss_weight), out,
                                 padded);
    }
    return gradient;
  }
};

}  // namespace

void head_loss_forward(const KernelCall& call) {
  dispatch_dtype(call.inputs[0].dtype, [&]<class T>(T) {
    const Workspace::Scope scope(call.workspace);
    const Head<T> head{call};
    head.for_each_chunk([&](std::int64_t first, const TensorView& logits) {
      for (std::int64_t i = 0; i < logits.rows; ++i) {
        const Compute<T>* row = logits.row<Compute<T>>(i);
        const Compute<T> lse = log_sum_exp_row(CpuTeam{}, row, head.padded);
        *call.outputs[0].row<Compute<T>>(first + i) = lse;
        if (call.batch.likeliest != nullptr)
          call.batch.likeliest[first + i] = static_cast<std::int32_t>(std::max_element(row, row + head.vocab) - row);
        if (head.is_counted(first + i)) *call.batch.loss_sum += lse - row[call.batch.targets[first + i]];
      }
    });
  });
}

void head_loss_backward_input(const KernelCall& call) {
  const GradTarget& target = call.grad_inputs[0];
  if (!target.out) return;
  const bool accumulate = place_addend(target);
  dispatch_dtype(call.inputs[0].dtype, [&]<class T>(T) {
    const Workspace::Scope scope(call.workspace);
    const Head<T> head{call};
    head.for_each_chunk([&](std::int64_t first, const TensorView& logits) {
      const TensorView gradient = head.turn_into_gradient(first, logits);
      call.gemm.multiply(gradient, Transpose::no, call.params[0], Transpose::no,
                         target.out.rows_from(first, logits.rows), accumulate);
    });
  });
}

void head_loss_backward_weight(const KernelCall& call) {
  const ParamGrad& grad = call.param_grads[0];
  dispatch_dtype(call.inputs[0].dtype, [&]<class T>(T) {
    const Workspace::Scope scope(call.workspace);
    const Head<T> head{call};
    head.for_each_chunk([&](std::int64_t first, const TensorView& logits) {
      const TensorView gradient = head.turn_into_gradient(first, logits);
      call.gemm.multiply(gradient, Transpose::yes, call.inputs[0].rows_from(first, logits.rows), Transpose::no,
                         grad.out, grad.accumulate || first > 0);
    });
  });
}

}  // namespace dsrun
