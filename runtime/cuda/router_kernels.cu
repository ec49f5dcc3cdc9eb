// The router and its gradient. A token's selection scores lie in shared memory.
#include "runtime/cuda/launch.cuh"
#include "runtime/cuda/row_kernels.hpp"

namespace dsrun::cuda {
namespace {

template <class A>
__global__ void router_kernel(RouterShape shape, Rows<A> logits, const float* bias, Rows<A> gates,
                              Rows<std::int32_t> indices, Rows<A> scores) {
  __shared__ RowTeam::Shared shared;
  extern __shared__ unsigned char selection[];
  auto* z = reinterpret_cast<A*>(selection);
  const std::int64_t t = blockIdx.x;
  router_row(RowTeam(shared), shape, logits.at(t), bias, RouterScratch<A>{z, z + shape.experts}, gates.at(t),
             indices.at(t), scores.at(t));
}

template <class T>
__global__ void router_input_gradient_kernel(RouterShape shape, Rows<Compute<T>> dgates, Rows<std::int32_t> indices,
                                             Rows<Compute<T>> scores, Rows<T> addend, Rows<T> dlogits) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t t = blockIdx.x;
  router_row_input_gradient<T>(RowTeam(shared), shape, dgates.at(t), indices.at(t), scores.at(t), addend.at(t),
                               dlogits.at(t));
}

}  // namespace

void router(const RouterShape& shape, const TensorView& logits, const float* bias, const TensorView& gates,
            const TensorView& indices, const TensorView& scores, Stream stream) {
  const auto scratch = static_cast<std::size_t>(shape.experts + shape.groups) * dtype_bytes(logits.dtype);
  launch_rows("router", logits.rows, [&](unsigned blocks) {
    dispatch_dtype(logits.dtype, [&]<class A>(A) {
      if constexpr (std::is_same_v<A, Compute<A>>)
        router_kernel<<<blocks, threads_per_row, scratch, stream>>>(shape, rows_of<A>(logits), bias, rows_of<A>(gates),
                                                                    rows_of<std::int32_t>(indices), rows_of<A>(scores));
      else
        assert(!"logits are wide");
    });
  });
}

void router_input_gradient(const RouterShape& shape, const TensorView& dgates, const TensorView& indices,
                           const TensorView& scores, const TensorView& addend, const TensorView& dlogits,
                           Stream stream) {
  launch_rows("router_input_gradient", dlogits.rows, [&](unsigned blocks) {
    dispatch_dtype(dlogits.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      router_input_gradient_kernel<<<blocks, threads_per_row, 0, stream>>>(
          shape, rows_of<A>(dgates), rows_of<std::int32_t>(indices), rows_of<A>(scores), rows_of<T>(addend),
          rows_of<T>(dlogits));
    });
  });
}

}  // namespace dsrun::cuda
