#include "runtime/backend/row/rms_norm.hpp"
#include "models/op.hpp"

#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {

void rms_norm_forward(const KernelCall& call) {
  const TensorView &x = call.inputs[0], &y = call.outputs[0];
  dispatch_dtype(x.dtype, [&]<class T>(T) {
    for (std::int64_t t = 0; t < x.rows; ++t)
      rms_norm_row(CpuTeam{}, x.row<T>(t), call.params[0].as<T>(), y.row<T>(t), x.cols, call.attributes.eps);
  });
}

void rms_norm_backward_input(const KernelCall& call) {
  const TensorView &x = call.inputs[0], &dy = call.grad_outputs[0];
  const GradTarget& target = call.grad_inputs[0];
  dispatch_dtype(x.dtype, [&]<class T>(T) {
    for (std::int64_t t = 0; t < x.rows; ++t)
      rms_norm_row_input_gradient<T>(CpuTeam{}, x.row<T>(t), call.params[0].as<T>(), dy.row<T>(t),
                                     target.addend ? target.addend.row<T>(t) : nullptr, target.out.row<T>(t), x.cols,
                                     call.attributes.eps);
  });
}

void rms_norm_backward_weight(const KernelCall& call) {
  const TensorView &x = call.inputs[0], &dy = call.grad_outputs[0];
  const ParamGrad& grad = call.param_grads[0];
  dispatch_dtype(x.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    A* dw = grad.out.as<A>();
    if (!grad.accumulate) std::fill_n(dw, x.cols, A(0));
    for (std::int64_t t = 0; t < x.rows; ++t)
      rms_norm_row_weight_gradient<T>(CpuTeam{}, x.row<T>(t), dy.row<T>(t), dw, x.cols, call.attributes.eps);
  });
}

}  // namespace dsrun
