// q_T,H(N+P) → the same with each head's last P columns rotated by position; may run in place.
#include "runtime/kernels/row/rope.hpp"

#include <algorithm>

#include "runtime/kernels/dispatch_dtype.hpp"
#include "runtime/kernels/functions.hpp"
#include "runtime/kernels/rotation_table.hpp"

namespace dsrun {
namespace {

template <class T>
void keep_columns(const T* from, const T* addend, T* to, std::int64_t n) {
  if (addend != nullptr)
    CpuTeam{}.each(n, [=](std::int64_t i) { store(to, i, load(from, i) + load(addend, i)); });
  else if (from != to)
    std::copy_n(from, n, to);
}

template <class T>
void rotate_heads(const KernelCall& call, const TensorView& in, const TensorView& addend, const TensorView& out,
                  int direction) {
  const OpAttributes& a = call.attributes;
  const std::int64_t pairs = a.rope_dim / 2, head_dim = a.nope_dim + a.rope_dim;
  const auto& table = RotationTable<Compute<T>>::of(call.batch.sequence_length, a);
  for (std::int64_t t = 0; t < in.rows; ++t) {
    const Compute<T>* rotation = table.at(t % call.batch.sequence_length);
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const T* from = in.row<T>(t) + h * head_dim;
      const T* plus = addend ? addend.row<T>(t) + h * head_dim : nullptr;
      T* to = out.row<T>(t) + h * head_dim;
      keep_columns(from, plus, to, a.nope_dim);
      rope_row<T>(CpuTeam{}, from + a.nope_dim, plus != nullptr ? plus + a.nope_dim : nullptr, to + a.nope_dim,
                  rotation, pairs, direction);
    }
  }
}

}  // namespace

void rope_forward(const KernelCall& call) {
  dispatch_dtype(call.inputs[0].dtype,
                 [&]<class T>(T) { rotate_heads<T>(call, call.inputs[0], {}, call.outputs[0], 1); });
}

void rope_backward_input(const KernelCall& call) {
  const GradTarget& target = call.grad_inputs[0];
  dispatch_dtype(target.out.dtype,
                 [&]<class T>(T) { rotate_heads<T>(call, call.grad_outputs[0], target.addend, target.out, -1); });
}

}  // namespace dsrun
