#include "runtime/kernels/row/router.hpp"

#include "runtime/kernels/cpu_team.hpp"
#include "runtime/kernels/dispatch_dtype.hpp"
#include "runtime/kernels/functions.hpp"

namespace dsrun {
namespace {

RouterShape shape_of(const OpAttributes& a) {
  return {a.experts, a.experts_per_token, a.expert_groups, a.groups_per_token, a.routed_scaling};
}

}  // namespace

void router_forward(const KernelCall& call) {
  const TensorView& logits = call.inputs[0];
  const RouterShape shape = shape_of(call.attributes);
  const Workspace::Scope scope(call.workspace);
  dispatch_dtype(logits.dtype, [&]<class A>(A) {
    if constexpr (std::is_same_v<A, Compute<A>>) {
      const auto experts = static_cast<std::size_t>(shape.experts), groups = static_cast<std::size_t>(shape.groups);
      const RouterScratch<A> scratch{call.workspace.take_array<A>(experts), call.workspace.take_array<A>(groups)};
      for (std::int64_t t = 0; t < logits.rows; ++t)
        router_row(CpuTeam{}, shape, logits.row<A>(t), call.router_bias, scratch, call.outputs[0].row<A>(t),
                   call.outputs[1].row<std::int32_t>(t), call.outputs[2].row<A>(t));
    }
  });
}

void router_backward_input(const KernelCall& call) {
  const GradTarget& target = call.grad_inputs[0];
  const RouterShape shape = shape_of(call.attributes);
  dispatch_dtype(target.out.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    for (std::int64_t t = 0; t < target.out.rows; ++t)
      router_row_input_gradient<T>(CpuTeam{}, shape, call.grad_outputs[0].row<A>(t),
                                   call.outputs[1].row<std::int32_t>(t), call.outputs[2].row<A>(t),
                                   target.addend ? target.addend.row<T>(t) : nullptr, target.out.row<T>(t));
  });
}

}  // namespace dsrun
