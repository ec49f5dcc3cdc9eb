#include "runtime/backend/cpu/cpu_backend.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/products/gemm.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

bool computes_in(Precision precision) { return precision != Precision::bf16 || bf16_products_supported(); }

void copy_bytes(void* to, const void* from, std::size_t num_bytes) { std::memcpy(to, from, num_bytes); }
void clear_bytes(void* data, std::size_t num_bytes) { std::memset(data, 0, num_bytes); }
TensorView see(const TensorView& view, std::vector<char>&) { return view; }

void store_values(std::span<const float> values, const TensorView& out) {
  dispatch_dtype(out.dtype, [&]<class T>(T) {
    std::transform(values.begin(), values.end(), out.as<T>(), [](float value) { return T(value); });
  });
}

std::unique_ptr<Gemm> make_gemm(Workspace& workspace, int num_threads) {
  return std::make_unique<CpuGemm>(workspace, num_threads);
}

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend = {
      .kind = "cpu",
      .memory = host_memory(),
      .computes_in = computes_in,
      .copy = copy_bytes,
      .clear = clear_bytes,
      .fetch = see,
      .kernels = cpu_kernels(),
      .rows = {pack_rows, expand_rows, reduce_rows, sum_messages, pack_gates, expand_gates, collect_gates,
               scatter_gates, pick_gates, place_gates},
      .optimizer = {adamw_update, average_weights, sum_squares, sum_slices},
      .initial = {fill_normal, fill_constant, store_values},
      .make_gemm = make_gemm,
      .add_needs = add_cpu_needs,
  };
  return backend;
}

}  // namespace dsrun
