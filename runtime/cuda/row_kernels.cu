// rms_norm, rope and swiglu with their gradients.
#include "runtime/cuda/row_kernels.hpp"

#include "runtime/cuda/launch.cuh"
#include "runtime/kernels/row/rms_norm.hpp"
#include "runtime/kernels/row/rope.hpp"
#include "runtime/kernels/row/swiglu.hpp"

namespace dsrun::cuda {
namespace {

template <class T>
__global__ void rms_norm_kernel(Rows<T> x, const T* weight, Rows<T> y, std::int64_t n, double eps) {
  __shared__ RowTeam::Shared shared;
  rms_norm_row(RowTeam(shared), x.at(blockIdx.x), weight, y.at(blockIdx.x), n, eps);
}

template <class T>
__global__ void rms_norm_input_gradient_kernel(Rows<T> x, const T* weight, Rows<T> dy, Rows<T> addend, Rows<T> dx,
                                               std::int64_t n, double eps) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t t = blockIdx.x;
  rms_norm_row_input_gradient<T>(RowTeam(shared), x.at(t), weight, dy.at(t), addend.at(t), dx.at(t), n, eps);
}

// Block b sums rows b, b + P, … into its partial.
template <class T>
__global__ void rms_norm_partial_weight_gradient_kernel(Rows<T> x, Rows<T> dy, std::int64_t rows,
                                                        Rows<Compute<T>> partials, std::int64_t n, double eps) {
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  Compute<T>* partial = partials.at(blockIdx.x);
  team.each(n, [=](std::int64_t i) { partial[i] = 0; });
  for (std::int64_t t = blockIdx.x; t < rows; t += gridDim.x)
    rms_norm_row_weight_gradient<T>(team, x.at(t), dy.at(t), partial, n, eps);
}

template <class A>
__global__ void sum_partials_kernel(Rows<A> partials, std::int64_t count, bool accumulate, A* out, std::int64_t n) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= n) return;
  A sum = 0;
  for (std::int64_t p = 0; p < count; ++p) sum += partials.at(p)[i];
  out[i] = accumulate ? out[i] + sum : sum;
}

template <class T>
__global__ void rope_kernel(RopeHeads shape, Rows<T> in, Rows<Compute<T>> rotation, int direction, Rows<T> addend,
                            Rows<T> out) {
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  const std::int64_t t = blockIdx.x, nope = shape.nope, head_dim = nope + 2 * shape.pairs;
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    const T* from = in.at(t) + h * head_dim;
    const T* plus = addend.data != nullptr ? addend.at(t) + h * head_dim : nullptr;
    T* to = out.at(t) + h * head_dim;
    if (plus != nullptr)
      team.each(nope, [=](std::int64_t i) { store(to, i, load(from, i) + load(plus, i)); });
    else if (from != to)
      team.each(nope, [=](std::int64_t i) { to[i] = from[i]; });
    rope_row<T>(team, from + nope, plus != nullptr ? plus + nope : nullptr, to + nope,
                rotation.at(t % shape.sequence_length), shape.pairs, direction);
  }
}

template <class T>
__global__ void swiglu_kernel(Rows<T> in, Rows<Compute<T>> factors, Rows<T> out, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const Compute<T>* factor = factors.at(blockIdx.x);
  swiglu_row<T>(RowTeam(shared), in.at(blockIdx.x), factor != nullptr ? *factor : 1, out.at(blockIdx.x), n);
}

template <class T>
__global__ void swiglu_input_gradient_kernel(Rows<T> in, Rows<Compute<T>> factors, Rows<T> dout, Rows<T> addend,
                                             Rows<T> din, Rows<Compute<T>> dfactors, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  const std::int64_t t = blockIdx.x;
  const Compute<T>* factor = factors.at(t);
  const Compute<T> of_factor = swiglu_row_input_gradient<T>(team, in.at(t), factor != nullptr ? *factor : 1, dout.at(t),
                                                            addend.at(t), din.at(t), n);
  if (dfactors.data != nullptr) team.once([=] { *dfactors.at(t) = of_factor; });
}

}  // namespace

void rms_norm(const TensorView& x, const TensorView& weight, double eps, const TensorView& y, Stream stream) {
  launch_rows("rms_norm", x.rows, [&](unsigned blocks) {
    dispatch_dtype(x.dtype, [&]<class T>(T) {
      rms_norm_kernel<<<blocks, threads_per_row, 0, stream>>>(rows_of<T>(x), weight.as<T>(), rows_of<T>(y), x.cols,
                                                              eps);
    });
  });
}

void rms_norm_input_gradient(const TensorView& x, const TensorView& weight, const TensorView& dy, double eps,
                             const TensorView& addend, const TensorView& dx, Stream stream) {
  launch_rows("rms_norm_input_gradient", x.rows, [&](unsigned blocks) {
    dispatch_dtype(x.dtype, [&]<class T>(T) {
      rms_norm_input_gradient_kernel<<<blocks, threads_per_row, 0, stream>>>(
          rows_of<T>(x), weight.as<T>(), rows_of<T>(dy), rows_of<T>(addend), rows_of<T>(dx), x.cols, eps);
    });
  });
}

void rms_norm_weight_gradient(const TensorView& x, const TensorView& dy, double eps, const TensorView& partials,
                              bool accumulate, const TensorView& dweight, Stream stream) {
  launch_rows("rms_norm_weight_gradient", partials.rows, [&](unsigned blocks) {
    dispatch_dtype(x.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      rms_norm_partial_weight_gradient_kernel<<<blocks, threads_per_row, 0, stream>>>(
          rows_of<T>(x), rows_of<T>(dy), x.rows, rows_of<A>(partials), x.cols, eps);
      const auto column_blocks = static_cast<unsigned>((x.cols + threads_per_row - 1) / threads_per_row);
      sum_partials_kernel<<<column_blocks, threads_per_row, 0, stream>>>(rows_of<A>(partials), partials.rows,
                                                                         accumulate, dweight.as<A>(), x.cols);
    });
  });
}

void rope(const RopeHeads& shape, const TensorView& in, const TensorView& rotation, int direction,
          const TensorView& addend, const TensorView& out, Stream stream) {
  launch_rows("rope", in.rows, [&](unsigned blocks) {
    dispatch_dtype(in.dtype, [&]<class T>(T) {
      rope_kernel<T><<<blocks, threads_per_row, 0, stream>>>(shape, rows_of<T>(in), rows_of<Compute<T>>(rotation),
                                                             direction, rows_of<T>(addend), rows_of<T>(out));
    });
  });
}

void swiglu(const TensorView& in, const TensorView& factors, const TensorView& out, Stream stream) {
  launch_rows("swiglu", in.rows, [&](unsigned blocks) {
    dispatch_dtype(in.dtype, [&]<class T>(T) {
      swiglu_kernel<T><<<blocks, threads_per_row, 0, stream>>>(rows_of<T>(in), rows_of<Compute<T>>(factors),
                                                               rows_of<T>(out), out.cols);
    });
  });
}

void swiglu_input_gradient(const TensorView& in, const TensorView& factors, const TensorView& dout,
                           const TensorView& addend, const TensorView& din, const TensorView& dfactors, Stream stream) {
  launch_rows("swiglu_input_gradient", in.rows, [&](unsigned blocks) {
    dispatch_dtype(in.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      swiglu_input_gradient_kernel<T><<<blocks, threads_per_row, 0, stream>>>(
          rows_of<T>(in), rows_of<A>(factors), rows_of<T>(dout), rows_of<T>(addend), rows_of<T>(din),
          rows_of<A>(dfactors), dout.cols);
    });
  });
}

}  // namespace dsrun::cuda
