// z_T,2D = [x | y], rows side by side; backward parts the gradient's rows again.
#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/sums.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {

void concat_forward(const KernelCall& call) {
  const TensorView& z = call.outputs[0];
  dispatch_dtype(z.dtype, [&]<class T>(T) {
    for (std::int64_t t = 0; t < z.rows; ++t) {
      T* out = z.row<T>(t);
      for (const TensorView& part : call.inputs) out = std::copy_n(part.row<T>(t), part.cols, out);
    }
  });
}

void concat_backward_input(const KernelCall& call) {
  const TensorView& dz = call.grad_outputs[0];
  const std::int64_t cols = dz.cols / 2;
  for (std::size_t i = 0; i < 2; ++i) {
    const GradTarget& target = call.grad_inputs[i];
    if (!target.out) continue;
    const TensorView part = dz.columns_from(static_cast<std::int64_t>(i) * cols, cols);
    dispatch_dtype(dz.dtype, [&]<class T>(T) {
      for (std::int64_t t = 0; t < part.rows; ++t) {
        if (target.addend)
          add_row(CpuTeam{}, part.row<T>(t), target.addend.row<T>(t), target.out.row<T>(t), part.cols);
        else
          copy_row<T>(CpuTeam{}, part.row<T>(t), target.out.row<T>(t), part.cols);
      }
    });
  }
}

}  // namespace dsrun
