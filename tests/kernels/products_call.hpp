// Builds a KernelCall from matrices: what a test of one op needs in a few lines.
#pragma once

#include <vector>

#include "models/op.hpp"
#include "runtime/backend/cpu/functions.hpp"
#include "tests/kernels/products_support.hpp"

namespace dsrun::test {

struct Frame {
  OpAttributes attributes{};
  std::vector<TensorView> inputs{}, outputs{}, grad_outputs{}, params{};
  std::vector<GradTarget> grad_inputs{};
  std::vector<ParamGrad> param_grads{};
  const Routing* routing = nullptr;
  BatchView batch{};
  const float* router_bias = nullptr;

  void run(KernelFunction function, Workspace& workspace, Gemm& gemm) const {
    function(KernelCall{.attributes = attributes,
                        .inputs = inputs,
                        .outputs = outputs,
                        .grad_outputs = grad_outputs,
                        .grad_inputs = grad_inputs,
                        .params = params,
                        .param_grads = param_grads,
                        .routing = routing,
                        .batch = batch,
                        .router_bias = router_bias,
                        .workspace = workspace,
                        .gemm = gemm});
  }
};

// The three ways in which the gradient of an input meets an addend.
enum class Addend { none, elsewhere, in_place };
inline constexpr Addend every_addend[] = {Addend::none, Addend::elsewhere, Addend::in_place};

// A gradient target with its addend, and what the addend adds to the contribution.
struct Target {
  Stored out, other;
  Addend addend;
  Matrix before;

  Target(std::int64_t rows, std::int64_t cols, Dtype dtype, Addend addend_place, std::int64_t gap = 0)
      : out(random_matrix(rows, cols, 91), dtype, gap),
        other(random_matrix(rows, cols, 92), dtype, gap),
        addend(addend_place),
        before(addend == Addend::none        ? Matrix(rows, cols)
               : addend == Addend::elsewhere ? other.matrix()
                                             : out.matrix()) {}
  GradTarget target() {
    const TensorView none;
    return {out.view(), addend == Addend::none ? none : addend == Addend::elsewhere ? other.view() : out.view()};
  }
};

}  // namespace dsrun::test
