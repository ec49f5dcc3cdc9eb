// x_TD = rows of the embedding [W × D] that the tokens name.
#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/sums.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {

void embed_forward(const KernelCall& call) {
  const TensorView& x = call.outputs[0];
  dispatch_dtype(x.dtype, [&]<class T>(T) {
    for (std::int64_t t = 0; t < x.rows; ++t)
      copy_row<T>(CpuTeam{}, call.params[0].row<T>(call.batch.tokens[t]), x.row<T>(t), x.cols);
  });
}

// In token order, so that the sum's association is fixed.
void embed_backward_weight(const KernelCall& call) {
  const TensorView& dx = call.grad_outputs[0];
  const ParamGrad& grad = call.param_grads[0];
  dispatch_dtype(dx.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    if (!grad.accumulate)
      for (std::int64_t w = 0; w < grad.out.rows; ++w) std::fill_n(grad.out.row<A>(w), grad.out.cols, A(0));
    for (std::int64_t t = 0; t < dx.rows; ++t)
      accumulate_row<T>(CpuTeam{}, dx.row<T>(t), grad.out.row<A>(call.batch.tokens[t]), dx.cols);
  });
}

}  // namespace dsrun
