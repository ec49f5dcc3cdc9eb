#include "runtime/backend/cpu/cpu_backend.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/products/gemm.hpp"
#include "runtime/memory/dispatch_dtype.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

// Communication ops have no functions: runtime/device/exchange/exchange.cpp moves their rows.
constexpr KernelTable kernels = {{
    {Op::embed, embed_forward, nullptr, embed_backward_weight},
    {Op::rms_norm, rms_norm_forward, rms_norm_backward_input, rms_norm_backward_weight},
    {Op::linear, linear_forward, linear_backward_input, linear_backward_weight},
    {Op::rope, rope_forward, rope_backward_input, nullptr},
    {Op::kv_latent, kv_latent_forward, kv_latent_backward_input, kv_latent_backward_weight},
    {Op::attention, attention_forward, attention_backward_input, nullptr},
    {Op::swiglu, swiglu_forward, swiglu_backward_input, nullptr},
    {Op::add, add_forward, add_backward_input, nullptr},
    {Op::concat, concat_forward, concat_backward_input, nullptr},
    {Op::router, router_forward, router_backward_input, nullptr},
    {Op::exchange_counts, nullptr, nullptr, nullptr},
    {Op::dispatch, nullptr, nullptr, nullptr},
    {Op::grouped_linear, grouped_linear_forward, grouped_linear_backward_input, grouped_linear_backward_weight},
    {Op::gated_swiglu, gated_swiglu_forward, gated_swiglu_backward_input, nullptr},
    {Op::combine, nullptr, nullptr, nullptr},
    {Op::head_loss, head_loss_forward, head_loss_backward_input, head_loss_backward_weight},
}};

static_assert(has_row_for_each_enumerator(kernels, &KernelRow::op),
              "a table needs a row for each enumerator, in their order");

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
      .kernels = kernels,
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
