// z_T,2D = [x | y], rows side by side; backward parts the gradient's rows again.
#include <algorithm>

#include "runtime/kernels/dispatch_dtype.hpp"
#include "runtime/kernels/functions.hpp"
#include "runtime/kernels/row/team.hpp"

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
        const T* from = part.row<T>(t);
        T* to = target.out.row<T>(t);
        if (!target.addend) {
          std::copy_n(from, part.cols, to);
          continue;
        }
        const T* addend = target.addend.row<T>(t);
        CpuTeam{}.each(part.cols, [=](std::int64_t c) { store(to, c, load(from, c) + load(addend, c)); });
      }
    });
  }
}

}  // namespace dsrun
