// q_T,H(N+P) → the same with each head's last P columns rotated by position; may run in place.
#include "runtime/backend/row/rope.hpp"
#include "models/op.hpp"

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/cpu/parts/rotation_table.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

template <class T>
void rotate_heads(const KernelCall& call, const TensorView& in, const TensorView& addend, const TensorView& out,
                  int direction) {
  const OpAttributes& a = call.attributes;
  const std::int64_t pairs = a.rope_dim / 2, head_dim = a.nope_dim + a.rope_dim;
  const auto& table = RotationTable<Compute<T>>::of(call.batch.sequence_length, a);
  for (std::int64_t t = 0; t < in.rows; ++t) {
    const Compute<T>* rotation = table.at(t % call.batch.sequence_length);
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const T* plus = addend ? addend.row<T>(t) + h * head_dim : nullptr;
      rope_head_row<T>(CpuTeam{}, in.row<T>(t) + h * head_dim, plus, out.row<T>(t) + h * head_dim, rotation, a.nope_dim,
                       pairs, direction);
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
