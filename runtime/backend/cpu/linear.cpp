// y_To = x_Ti Aᵀ; A [o × i]. y may be fp32 where x and A are bf16 (router logits); its gradient has x's dtype.
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/grad_target.hpp"

namespace dsrun {

void linear_forward(const KernelCall& call) {
  call.gemm.multiply(call.inputs[0], Transpose::no, call.params[0], Transpose::yes, call.outputs[0]);
}

void linear_backward_input(const KernelCall& call) {
  const GradTarget& target = call.grad_inputs[0];
  if (!target.out) return;
  const bool accumulate = place_addend(target);
  call.gemm.multiply(call.grad_outputs[0], Transpose::no, call.params[0], Transpose::no, target.out, accumulate);
}

void linear_backward_weight(const KernelCall& call) {
  const ParamGrad& grad = call.param_grads[0];
  call.gemm.multiply(call.grad_outputs[0], Transpose::yes, call.inputs[0], Transpose::no, grad.out, grad.accumulate);
}

}  // namespace dsrun
