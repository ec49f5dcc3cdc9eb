// AdamW on flat arrays: a block takes a stretch of elements for its row.
#include "runtime/cuda/launch.cuh"
#include "runtime/cuda/row_kernels.hpp"
#include "runtime/kernels/row/adamw.hpp"

namespace dsrun::cuda {
namespace {

constexpr std::int64_t stretch = 4 * threads_per_row;

template <class A, class M, class T>
__global__ void adamw_kernel(AdamwCoefficients<A> coefficients, A* master, const A* gradient, M* moment1, M* moment2,
                             T* weights, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t begin = blockIdx.x * stretch, rest = n - begin;
  adamw_row(RowTeam(shared), coefficients, master + begin, gradient + begin, moment1 + begin, moment2 + begin,
            weights + begin, rest < stretch ? rest : stretch);
}

}  // namespace

void adamw_update(const AdamwStep& step, const TensorView& master, const TensorView& gradient,
                  const TensorView& moment1, const TensorView& moment2, const TensorView& weights, Stream stream) {
  launch_rows("adamw_update", (master.cols + stretch - 1) / stretch, [&](unsigned blocks) {
    dispatch_dtype(weights.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      dispatch_dtype(moment1.dtype, [&]<class M>(M) {
        if constexpr (std::is_same_v<M, A> || std::is_same_v<M, Bf16>)
          adamw_kernel<<<blocks, threads_per_row, 0, stream>>>(adamw_coefficients<A>(step), master.as<A>(),
                                                               gradient.as<A>(), moment1.as<M>(), moment2.as<M>(),
                                                               weights.as<T>(), master.cols);
        else
          assert(!"moments are stored as the master is, or in bf16");
      });
    });
  });
}

}  // namespace dsrun::cuda
