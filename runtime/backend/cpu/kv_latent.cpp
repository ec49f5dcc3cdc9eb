// a_T,(C+P) → c_TC = rms_norm(first C columns), kr_TP = rope(last P): the whole cache entry of a token (MLA).
#include <algorithm>

#include "models/op.hpp"
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/cpu/parts/rotation_table.hpp"
#include "runtime/backend/row/kv_latent.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

LatentShape shape_of(const OpAttributes& a) { return {a.kv_rank, a.rope_dim / 2, a.eps}; }

}  // namespace

void kv_latent_forward(const KernelCall& call) {
  const OpAttributes& a = call.attributes;
  const TensorView &in = call.inputs[0], &latent = call.outputs[0], &key = call.outputs[1];
  dispatch_dtype(in.dtype, [&]<class T>(T) {
    const auto& table = RotationTable<Compute<T>>::of(call.batch.sequence_length, a);
    for (std::int64_t t = 0; t < in.rows; ++t) {
      kv_latent_row<T>(CpuTeam{}, shape_of(a), in.row<T>(t), call.params[0].as<T>(),
                       table.at(t % call.batch.sequence_length), latent.row<T>(t), key.row<T>(t));
    }
  });
}

void kv_latent_backward_input(const KernelCall& call) {
  const OpAttributes& a = call.attributes;
  const TensorView &in = call.inputs[0], &dlatent = call.grad_outputs[0], &dkey = call.grad_outputs[1];
  const GradTarget& target = call.grad_inputs[0];
  dispatch_dtype(in.dtype, [&]<class T>(T) {
    const auto& table = RotationTable<Compute<T>>::of(call.batch.sequence_length, a);
    for (std::int64_t t = 0; t < in.rows; ++t) {
      kv_latent_row_input_gradient<T>(CpuTeam{}, shape_of(a), in.row<T>(t), call.params[0].as<T>(),
                                      table.at(t % call.batch.sequence_length), dlatent.row<T>(t), dkey.row<T>(t),
                                      target.addend ? target.addend.row<T>(t) : nullptr, target.out.row<T>(t));
    }
  });
}

void kv_latent_backward_weight(const KernelCall& call) {
  const TensorView &in = call.inputs[0], &dlatent = call.grad_outputs[0];
  const ParamGrad& grad = call.param_grads[0];
  dispatch_dtype(in.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    A* dw = grad.out.as<A>();
    if (!grad.accumulate) std::fill_n(dw, call.attributes.kv_rank, A(0));
    for (std::int64_t t = 0; t < in.rows; ++t)
      rms_norm_row_weight_gradient<T>(CpuTeam{}, in.row<T>(t), dlatent.row<T>(t), dw, call.attributes.kv_rank,
                                      call.attributes.eps);
  });
}

}  // namespace dsrun
