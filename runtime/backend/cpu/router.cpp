#include "runtime/backend/row/router.hpp"
#include "models/op.hpp"

#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

RouterShape shape_of(const OpAttributes& a) {
  return {a.experts, a.experts_per_token, a.expert_groups, a.groups_per_token, a.routed_scaling};
}

// α f_e of one sequence: how often its counted tokens choose expert e, over the mean (equation 18).
template <class A>
struct BalanceSlopes {
  const KernelCall& call;
  RouterShape shape;
  RouterShape counted_in;  // the groups in which choices are counted
  A* slopes;
  std::int32_t* indices;  // of one token
  RouterScratch<A> scratch;

  BalanceSlopes(const KernelCall& kernel_call, const RouterShape& router)
      : call(kernel_call),
        shape(router),
        counted_in(router),
        slopes(take<A>(router.experts)),
        indices(take<std::int32_t>(router.experts_per_token)),
        scratch{take<A>(router.experts), take<A>(router.groups)} {
    if (call.batch.balance_scores == ScoresCounted::paper) counted_in.groups = counted_in.groups_per_token = 1;
  }

  template <class V>
  V* take(int count) const {
    return call.workspace.take_array<V>(static_cast<std::size_t>(count));
  }

  bool is_counted(std::int64_t token) const { return call.batch.mask == nullptr || call.batch.mask[token] != 0; }

  void fill(std::int64_t first) const {
    std::fill_n(slopes, shape.experts, A(0));
    std::int64_t counted = 0;
    for (std::int64_t t = first; t < first + call.batch.sequence_length; ++t) {
      if (!is_counted(t)) continue;
      ++counted;
      const std::int32_t* chosen = call.outputs[1].row<std::int32_t>(t);
      if (call.batch.balance_scores != ScoresCounted::biased) {
        unbiased_choice_row(CpuTeam{}, counted_in, call.outputs[2].row<A>(t), scratch, indices);
        chosen = indices;
      }
      for (int k = 0; k < shape.experts_per_token; ++k) slopes[chosen[k]] += A(1);
    }
    const auto scale =
        static_cast<A>(call.batch.balance_alpha * shape.experts /
                       (shape.experts_per_token * static_cast<double>(std::max<std::int64_t>(counted, 1))));
    for (int e = 0; e < shape.experts; ++e) slopes[e] *= scale;
  }
};

template <class T>
void add_balance_gradient(const KernelCall& call, const RouterShape& shape) {
  using A = Compute<T>;
  const Workspace::Scope scope(call.workspace);
  const BalanceSlopes<A> balance(call, shape);
  const TensorView& dlogits = call.grad_inputs[0].out;
  for (std::int64_t first = 0; first < dlogits.rows; first += call.batch.sequence_length) {
    balance.fill(first);
    for (std::int64_t t = first; t < first + call.batch.sequence_length; ++t)
      if (balance.is_counted(t))
        *call.batch.balance_loss_sum += balance_row_input_gradient<T>(
            CpuTeam{}, shape.experts, call.outputs[2].row<A>(t), balance.slopes, dlogits.row<T>(t));
  }
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
    if (call.batch.balance_alpha > 0) add_balance_gradient<T>(call, shape);
  });
}

}  // namespace dsrun
