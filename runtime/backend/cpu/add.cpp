// z = x + y; z may be either. The executor passes gradients through where it can: backward is for an input that has an
// earlier contribution.
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/sums.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

void add_views(const TensorView& x, const TensorView& y, const TensorView& z) {
  dispatch_dtype(z.dtype, [&]<class T>(T) {
    for (std::int64_t t = 0; t < z.rows; ++t) add_row(CpuTeam{}, x.row<T>(t), y.row<T>(t), z.row<T>(t), z.cols);
  });
}

}  // namespace

void add_forward(const KernelCall& call) { add_views(call.inputs[0], call.inputs[1], call.outputs[0]); }

void add_backward_input(const KernelCall& call) {
  for (const GradTarget& target : call.grad_inputs) {
    if (!target.out) continue;
    if (target.addend) {
      add_views(call.grad_outputs[0], target.addend, target.out);
    } else if (target.out.data != call.grad_outputs[0].data) {
      dispatch_dtype(target.out.dtype, [&]<class T>(T) {
        for (std::int64_t t = 0; t < target.out.rows; ++t)
          copy_row<T>(CpuTeam{}, call.grad_outputs[0].row<T>(t), target.out.row<T>(t), target.out.cols);
      });
    }
  }
}

}  // namespace dsrun
