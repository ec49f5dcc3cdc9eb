// y_Ro: rows [offsets[e], offsets[e + 1]) of x_Ri times Aₑᵀ; A [L·o × i] has expert e's rows at [e·o, (e + 1)·o).
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/grad_target.hpp"

namespace dsrun {
namespace {

// Calls visit(rows of the expert, expert's rows of a parameter of `param_rows` rows) for each local expert.
template <class Visit>
void for_each_expert(const KernelCall& call, std::int64_t param_rows, const Visit& visit) {
  const auto& offsets = call.routing->offsets;
  const std::int64_t experts = call.routing->local_experts;
  const std::int64_t out_features = param_rows / experts;
  for (std::int64_t e = 0; e < experts; ++e) {
    const auto rows_of = [&, e](const TensorView& rows) {
      const auto at = static_cast<std::size_t>(e);
      return rows.rows_from(offsets[at], offsets[at + 1] - offsets[at]);
    };
    const auto weights_of = [&, e](const TensorView& param) { return param.rows_from(e * out_features, out_features); };
    visit(rows_of, weights_of);
  }
}

}  // namespace

void grouped_linear_forward(const KernelCall& call) {
  for_each_expert(call, call.params[0].rows, [&](const auto& rows_of, const auto& weights_of) {
    call.gemm.multiply(rows_of(call.inputs[0]), Transpose::no, weights_of(call.params[0]), Transpose::yes,
                       rows_of(call.outputs[0]), false, Sizes::ragged);
  });
}

void grouped_linear_backward_input(const KernelCall& call) {
  const GradTarget& target = call.grad_inputs[0];
  if (!target.out) return;
  const bool accumulate = place_addend(target);
  for_each_expert(call, call.params[0].rows, [&](const auto& rows_of, const auto& weights_of) {
    call.gemm.multiply(rows_of(call.grad_outputs[0]), Transpose::no, weights_of(call.params[0]), Transpose::no,
                       rows_of(target.out), accumulate, Sizes::ragged);
  });
}

// An expert without rows has depth 0: its gradient is zeroed unless it accumulates.
void grouped_linear_backward_weight(const KernelCall& call) {
  const ParamGrad& grad = call.param_grads[0];
  for_each_expert(call, grad.out.rows, [&](const auto& rows_of, const auto& weights_of) {
    call.gemm.multiply(rows_of(call.grad_outputs[0]), Transpose::yes, rows_of(call.inputs[0]), Transpose::no,
                       weights_of(grad.out), grad.accumulate, Sizes::ragged);
  });
}

}  // namespace dsrun
