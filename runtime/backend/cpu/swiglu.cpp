// swiglu: a_T,2F = [gate | up] → h_TF. gated_swiglu: the same on routed rows, times the row's gate.
#include "runtime/backend/row/swiglu.hpp"

#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

// Starts to bring elements into the cache.
template <class T>
void fetch(const T* elements, std::int64_t n) {
  const char *line = reinterpret_cast<const char*>(elements), *end = reinterpret_cast<const char*>(elements + n);
  for (; line < end; line += 64) __builtin_prefetch(line);
}

// A row in stretches, each of which fetches those below it: exp keeps so many instructions in flight that the processor
// by itself would not look that far ahead.
template <class T>
void forward_row(const T* in, const T* next, Compute<T> factor, T* out, std::int64_t n) {
  constexpr std::int64_t stretch = 128;
  for (std::int64_t i = 0; i < n; i += stretch) {
    const std::int64_t count = std::min(stretch, n - i);
    if (next != nullptr) fetch(next + i, count), fetch(next + n + i, count);
    swiglu_row(CpuTeam{}, in + i, in + n + i, factor, out + i, count);
  }
}

// `factors` null: 1 for every row.
void forward(const KernelCall& call, const TensorView* factors) {
  const TensorView &in = call.inputs[0], &out = call.outputs[0];
  dispatch_dtype(in.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    for (std::int64_t t = 0; t < in.rows; ++t) {
      const T* next = t + 1 < in.rows ? in.row<T>(t + 1) : nullptr;
      forward_row<T>(in.row<T>(t), next, factors != nullptr ? *factors->row<A>(t) : A(1), out.row<T>(t), out.cols);
    }
  });
}

void backward_input(const KernelCall& call, const TensorView* factors, const GradTarget* of_factors) {
  const TensorView &in = call.inputs[0], &dout = call.grad_outputs[0];
  const GradTarget& target = call.grad_inputs[0];
  dispatch_dtype(in.dtype, [&]<class T>(T) {
    using A = Compute<T>;
    for (std::int64_t t = 0; t < in.rows; ++t) {
      const A factor = factors != nullptr ? *factors->row<A>(t) : A(1);
      const A of_factor = swiglu_row_input_gradient<T>(CpuTeam{}, in.row<T>(t), factor, dout.row<T>(t),
                                                       target.addend ? target.addend.row<T>(t) : nullptr,
                                                       target.out.row<T>(t), dout.cols);
      if (of_factors == nullptr || !of_factors->out) continue;
      *of_factors->out.row<A>(t) = of_factor + (of_factors->addend ? *of_factors->addend.row<A>(t) : A(0));
    }
  });
}

}  // namespace

void swiglu_forward(const KernelCall& call) { forward(call, nullptr); }
void swiglu_backward_input(const KernelCall& call) { backward_input(call, nullptr, nullptr); }

void gated_swiglu_forward(const KernelCall& call) { forward(call, &call.inputs[1]); }
void gated_swiglu_backward_input(const KernelCall& call) {
  backward_input(call, &call.inputs[1], &call.grad_inputs[1]);
}

}  // namespace dsrun
