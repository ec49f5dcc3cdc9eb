// Every row kernel for CUDA: runtime/backend/row/ with a thread block for each row. Kernels first, then their launches,
// both in the order of row_kernels.hpp.
// long-file: one file, so that a kernel in runtime/backend/row/ without its CUDA twin is seen at a glance.
#include "runtime/backend/cuda/row_kernels.hpp"

#include "runtime/backend/cuda/launch.cuh"
#include "runtime/backend/row/adamw.hpp"
#include "runtime/backend/row/softmax.hpp"
#include "runtime/backend/row/sums.hpp"
#include "runtime/backend/row/swiglu.hpp"

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
  const std::int64_t t = blockIdx.x, head_dim = shape.nope + 2 * shape.pairs;
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    const T* plus = addend.data != nullptr ? addend.at(t) + h * head_dim : nullptr;
    rope_head_row<T>(team, in.at(t) + h * head_dim, plus, out.at(t) + h * head_dim,
                     rotation.at(t % shape.sequence_length), shape.nope, shape.pairs, direction);
  }
}

template <class T>
__global__ void kv_latent_kernel(LatentShape shape, std::int64_t sequence_length, Rows<T> in, const T* weight,
                                 Rows<Compute<T>> rotation, Rows<T> latent, Rows<T> key) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t t = blockIdx.x;
  kv_latent_row<T>(RowTeam(shared), shape, in.at(t), weight, rotation.at(t % sequence_length), latent.at(t), key.at(t));
}

template <class T>
__global__ void kv_latent_input_gradient_kernel(LatentShape shape, std::int64_t sequence_length, Rows<T> in,
                                                const T* weight, Rows<Compute<T>> rotation, Rows<T> dlatent,
                                                Rows<T> dkey, Rows<T> addend, Rows<T> din) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t t = blockIdx.x;
  kv_latent_row_input_gradient<T>(RowTeam(shared), shape, in.at(t), weight, rotation.at(t % sequence_length),
                                  dlatent.at(t), dkey.at(t), addend.at(t), din.at(t));
}

template <class T>
__global__ void swiglu_kernel(Rows<T> in, Rows<Compute<T>> factors, Rows<T> out, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const T* gates = in.at(blockIdx.x);
  const Compute<T>* factor = factors.at(blockIdx.x);
  swiglu_row<T>(RowTeam(shared), gates, gates + n, factor != nullptr ? *factor : 1, out.at(blockIdx.x), n);
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

// ── Router ───────────────────────────────────────────────────────────────────────────────────────────────────────────
// A token's selection scores lie in shared memory.
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

// ── Sums ────────────────────────────────────────────────────────────────────────────────────────────────────────────
template <class T>
__global__ void add_kernel(Rows<T> x, Rows<T> y, Rows<T> z, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  add_row<T>(RowTeam(shared), x.at(blockIdx.x), y.at(blockIdx.x), z.at(blockIdx.x), n);
}

// Row t of each slice.
template <class T>
struct Slices {
  Rows<T> first;
  std::int64_t apart, t;

  __device__ const T* operator()(std::int64_t slice) const { return first.at(slice * apart + t); }
};

template <class T>
__global__ void sum_slices_kernel(Rows<T> slices, std::int64_t count, Rows<T> out, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t t = blockIdx.x;
  sum_rows<T>(RowTeam(shared), count, Slices<T>{slices, gridDim.x, t}, out.at(t), n);
}

template <class T>
__global__ void embed_kernel(Rows<T> weight, const std::int32_t* tokens, Rows<T> x, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  copy_row<T>(RowTeam(shared), weight.at(tokens[blockIdx.x]), x.at(blockIdx.x), n);
}

// A block for a word, which takes the tokens in their order, so that the sum repeats.
template <class T>
__global__ void embed_weight_gradient_kernel(Rows<T> dx, const std::int32_t* tokens, std::int64_t num_tokens,
                                             bool accumulate, Rows<Compute<T>> dweight, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  const std::int64_t word = blockIdx.x;
  Compute<T>* sums = dweight.at(word);
  if (!accumulate) team.each(n, [=](std::int64_t i) { sums[i] = 0; });
  for (std::int64_t t = 0; t < num_tokens; ++t)
    if (tokens[t] == word) accumulate_row<T>(team, dx.at(t), sums, n);
}

// ── Softmax ─────────────────────────────────────────────────────────────────────────────────────────────────────────
// One row of attention: pieces of its keys, each with what their weights sum of the values, which are [keys × n].
template <class T>
__global__ void softmax_sum_kernel(SoftmaxPieces shape, Rows<Compute<T>> scores, Rows<T> values, Rows<T> weights,
                                   Rows<Compute<T>> sums, Rows<T> out, Rows<Compute<T>> lse) {
  using A = Compute<T>;
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  const std::int64_t t = blockIdx.x, seen = t + 1 < shape.keys ? t + 1 : shape.keys;
  const T* made = weights.at(t);
  A* sum = sums.at(t);
  SoftmaxSoFar<A> so_far;
  team.each(shape.columns, [=](std::int64_t j) { sum[j] = 0; });
  for (std::int64_t first = 0; first < seen; first += shape.piece) {
    const std::int64_t last = first + shape.piece < seen ? first + shape.piece : seen;
    const A factor =
        softmax_row_piece<T>(team, scores.at(t) + first, A(shape.scale), so_far, weights.at(t) + first, last - first);
    team.each(shape.columns, [=](std::int64_t j) {
      A added = sum[j] * factor;
      for (std::int64_t key = first; key < last; ++key) added += load(made, key) * load(values.at(key), j);
      sum[j] = added;
    });
  }
  const A log_sum = softmax_row_end<T>(team, sum, so_far, out.at(t), shape.columns);
  team.once([=] { *lse.at(t) = log_sum; });
}

// dout · values is in dweights.
template <class T>
__global__ void softmax_input_gradient_kernel(SoftmaxPieces shape, Rows<Compute<T>> scores, Rows<Compute<T>> dweights,
                                              Rows<T> out, Rows<T> dout, Rows<Compute<T>> lse, Rows<T> weights,
                                              Rows<T> dscores) {
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  const std::int64_t t = blockIdx.x, seen = t + 1 < shape.keys ? t + 1 : shape.keys;
  const Compute<T> dot = dot_row<T>(team, out.at(t), dout.at(t), shape.columns);
  softmax_row_input_gradient<T>(team, scores.at(t), dweights.at(t), Compute<T>(shape.scale), *lse.at(t), dot,
                                weights.at(t), dscores.at(t), seen);
}

template <class A>
__global__ void log_sum_exp_kernel(Rows<A> logits, Rows<A> lse, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const RowTeam team(shared);
  const A log_sum = log_sum_exp_row<A>(team, logits.at(blockIdx.x), n);
  team.once([=] { *lse.at(blockIdx.x) = log_sum; });
}

template <class T>
__global__ void cross_entropy_gradient_kernel(Rows<Compute<T>> logits, Rows<Compute<T>> lse,
                                              const std::int32_t* targets, Compute<T> loss_weight, Rows<T> dlogits,
                                              std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t t = blockIdx.x;
  cross_entropy_row_gradient<T>(RowTeam(shared), logits.at(t), *lse.at(t), targets[t], loss_weight, dlogits.at(t), n);
}

// ── AdamW ────────────────────────────────────────────────────────────────────────────────────────────────────────────
// A block takes a stretch of elements for its row.
constexpr std::int64_t stretch = 4 * threads_per_row;

template <class A, class M, class T>
__global__ void adamw_kernel(AdamwCoefficients<A> coefficients, A* master, const A* gradient, M* moment1, M* moment2,
                             T* weights, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t begin = blockIdx.x * stretch, rest = n - begin;
  adamw_row(RowTeam(shared), coefficients, master + begin, gradient + begin, moment1 + begin, moment2 + begin,
            weights + begin, rest < stretch ? rest : stretch);
}

template <class A>
__global__ void average_kernel(A share, const A* values, A* average, std::int64_t n) {
  __shared__ RowTeam::Shared shared;
  const std::int64_t begin = blockIdx.x * stretch, rest = n - begin;
  average_row(RowTeam(shared), share, values + begin, average + begin, rest < stretch ? rest : stretch);
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

void kv_latent(const LatentShape& shape, std::int64_t sequence_length, const TensorView& in, const TensorView& weight,
               const TensorView& rotation, const TensorView& latent, const TensorView& key, Stream stream) {
  launch_rows("kv_latent", in.rows, [&](unsigned blocks) {
    dispatch_dtype(in.dtype, [&]<class T>(T) {
      kv_latent_kernel<T><<<blocks, threads_per_row, 0, stream>>>(shape, sequence_length, rows_of<T>(in),
                                                                  weight.as<T>(), rows_of<Compute<T>>(rotation),
                                                                  rows_of<T>(latent), rows_of<T>(key));
    });
  });
}

void kv_latent_input_gradient(const LatentShape& shape, std::int64_t sequence_length, const TensorView& in,
                              const TensorView& weight, const TensorView& rotation, const TensorView& dlatent,
                              const TensorView& dkey, const TensorView& addend, const TensorView& din, Stream stream) {
  launch_rows("kv_latent_input_gradient", in.rows, [&](unsigned blocks) {
    dispatch_dtype(in.dtype, [&]<class T>(T) {
      kv_latent_input_gradient_kernel<T><<<blocks, threads_per_row, 0, stream>>>(
          shape, sequence_length, rows_of<T>(in), weight.as<T>(), rows_of<Compute<T>>(rotation), rows_of<T>(dlatent),
          rows_of<T>(dkey), rows_of<T>(addend), rows_of<T>(din));
    });
  });
}

void add(const TensorView& x, const TensorView& y, const TensorView& z, Stream stream) {
  launch_rows("add", z.rows, [&](unsigned blocks) {
    dispatch_dtype(z.dtype, [&]<class T>(T) {
      add_kernel<T><<<blocks, threads_per_row, 0, stream>>>(rows_of<T>(x), rows_of<T>(y), rows_of<T>(z), z.cols);
    });
  });
}

void sum_slices(const TensorView& slices, const TensorView& out, Stream stream) {
  launch_rows("sum_slices", out.rows, [&](unsigned blocks) {
    dispatch_dtype(out.dtype, [&]<class T>(T) {
      sum_slices_kernel<T><<<blocks, threads_per_row, 0, stream>>>(rows_of<T>(slices), slices.rows / out.rows,
                                                                   rows_of<T>(out), out.cols);
    });
  });
}

void embed(const TensorView& weight, const std::int32_t* tokens, const TensorView& x, Stream stream) {
  launch_rows("embed", x.rows, [&](unsigned blocks) {
    dispatch_dtype(x.dtype, [&]<class T>(T) {
      embed_kernel<T><<<blocks, threads_per_row, 0, stream>>>(rows_of<T>(weight), tokens, rows_of<T>(x), x.cols);
    });
  });
}

void embed_weight_gradient(const TensorView& dx, const std::int32_t* tokens, bool accumulate, const TensorView& dweight,
                           Stream stream) {
  launch_rows("embed_weight_gradient", dweight.rows, [&](unsigned blocks) {
    dispatch_dtype(dx.dtype, [&]<class T>(T) {
      embed_weight_gradient_kernel<T><<<blocks, threads_per_row, 0, stream>>>(
          rows_of<T>(dx), tokens, dx.rows, accumulate, rows_of<Compute<T>>(dweight), dx.cols);
    });
  });
}

void softmax_sum(const SoftmaxPieces& shape, const TensorView& scores, const TensorView& values,
                 const TensorView& weights, const TensorView& sums, const TensorView& out, const TensorView& lse,
                 Stream stream) {
  launch_rows("softmax_sum", out.rows, [&](unsigned blocks) {
    dispatch_dtype(out.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      softmax_sum_kernel<T><<<blocks, threads_per_row, 0, stream>>>(shape, rows_of<A>(scores), rows_of<T>(values),
                                                                    rows_of<T>(weights), rows_of<A>(sums),
                                                                    rows_of<T>(out), rows_of<A>(lse));
    });
  });
}

void softmax_input_gradient(const SoftmaxPieces& shape, const TensorView& scores, const TensorView& dweights,
                            const TensorView& out, const TensorView& dout, const TensorView& lse,
                            const TensorView& weights, const TensorView& dscores, Stream stream) {
  launch_rows("softmax_input_gradient", out.rows, [&](unsigned blocks) {
    dispatch_dtype(out.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      softmax_input_gradient_kernel<T><<<blocks, threads_per_row, 0, stream>>>(
          shape, rows_of<A>(scores), rows_of<A>(dweights), rows_of<T>(out), rows_of<T>(dout), rows_of<A>(lse),
          rows_of<T>(weights), rows_of<T>(dscores));
    });
  });
}

void log_sum_exp(const TensorView& logits, const TensorView& lse, Stream stream) {
  launch_rows("log_sum_exp", logits.rows, [&](unsigned blocks) {
    dispatch_dtype(logits.dtype, [&]<class A>(A) {
      if constexpr (std::is_same_v<A, Compute<A>>)
        log_sum_exp_kernel<A><<<blocks, threads_per_row, 0, stream>>>(rows_of<A>(logits), rows_of<A>(lse), logits.cols);
      else
        assert(!"logits are wide");
    });
  });
}

void cross_entropy_gradient(const TensorView& logits, const TensorView& lse, const std::int32_t* targets,
                            double loss_weight, const TensorView& dlogits, Stream stream) {
  launch_rows("cross_entropy_gradient", dlogits.rows, [&](unsigned blocks) {
    dispatch_dtype(dlogits.dtype, [&]<class T>(T) {
      using A = Compute<T>;
      cross_entropy_gradient_kernel<T><<<blocks, threads_per_row, 0, stream>>>(
          rows_of<A>(logits), rows_of<A>(lse), targets, static_cast<A>(loss_weight), rows_of<T>(dlogits), dlogits.cols);
    });
  });
}

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

void average_weights(double decay, const TensorView& values, const TensorView& average, Stream stream) {
  launch_rows("average_weights", (average.cols + stretch - 1) / stretch, [&](unsigned blocks) {
    dispatch_dtype(average.dtype, [&]<class A>(A) {
      if constexpr (std::is_same_v<A, Compute<A>>)
        average_kernel<<<blocks, threads_per_row, 0, stream>>>(static_cast<A>(1 - decay), values.as<A>(),
                                                               average.as<A>(), average.cols);
      else
        assert(!"averages are as wide as masters");
    });
  });
}

}  // namespace dsrun::cuda
