// q_T,H(N+P) → the same with each head's last P columns rotated by position; may run in place.
#include "runtime/kernels/row/rope.hpp"

#include <algorithm>

#include "runtime/kernels/dispatch_dtype.hpp"
#include "runtime/kernels/functions.hpp"
#include "runtime/kernels/rotation_table.hpp"

namespace dsrun {
namespace {

template <class T>
void rotate_heads(const KernelCall& call, const TensorView& in, const TensorView& out, int direction) {
  const OpAttributes& a = call.attributes;
  const std::int64_t pairs = a.rope_dim / 2, head_dim = a.nope_dim + a.rope_dim;
  const auto& table = RotationTable<Compute<T>>::of(call.batch.sequence_length, pairs, a.rope_theta);
  for (std::int64_t t = 0; t < in.rows; ++t) {
    const T* from = in.row<T>(t);
    T* to = out.row<T>(t);
    if (from != to) std::copy_n(from, in.cols, to);
    for (std::int64_t h = 0; h < a.heads; ++h) {
      T* head = to + h * head_dim + a.nope_dim;
      rope_row<T>(CpuTeam{}, head, head, table.at(t % call.batch.sequence_length), pairs, direction);
    }
  }
}

}  // namespace

void rope_forward(const KernelCall& call) {
  dispatch_dtype(call.inputs[0].dtype, [&]<class T>(T) { rotate_heads<T>(call, call.inputs[0], call.outputs[0], 1); });
}

void rope_backward_input(const KernelCall& call) {
  const GradTarget& target = call.grad_inputs[0];
  dispatch_dtype(target.out.dtype, [&]<class T>(T) {
    rotate_heads<T>(call, call.grad_outputs[0], target.out, -1);
    if (!target.addend) return;
    for (std::int64_t t = 0; t < target.out.rows; ++t)
      for (std::int64_t i = 0; i < target.out.cols; ++i)
        store(target.out.row<T>(t), i, load(target.out.row<T>(t), i) + load(target.addend.row<T>(t), i));
  });
}

}  // namespace dsrun
