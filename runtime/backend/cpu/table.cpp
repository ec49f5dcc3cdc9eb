// The CPU's row for every op. Communication ops have none: runtime/device/exchange/exchange.cpp moves their rows.
#include "runtime/backend/cpu/functions.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

constexpr KernelTable table = {{
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

static_assert(has_row_for_each_enumerator(table, &KernelRow::op),
              "a table needs a row for each enumerator, in their order");

}  // namespace

const KernelTable& cpu_kernels() { return table; }

}  // namespace dsrun
