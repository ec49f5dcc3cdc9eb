#include "models/op_table.hpp"

namespace dsrun {
namespace {

constexpr Operands none = 0, x0 = operand(0), x1 = operand(1), x2 = operand(2);

// clang-format off
constexpr std::array<OpRow, num_ops> table = {{
    // op                  name              dX: in, out          dW: in, out  differ.      with grad    params comm  in place f, b
    {Op::embed,           "embed",           none, none,          none, none,  none,        x0,          true,  false, none,  false},
    {Op::rms_norm,        "rms_norm",        x0, none,            x0, none,    x0,          x0,          true,  false, none,  false},
    {Op::linear,          "linear",          none, none,          x0, none,    x0,          x0,          true,  false, none,  false},
    {Op::rope,            "rope",            none, none,          none, none,  x0,          x0,          false, false, x0,    true},
    {Op::kv_latent,       "kv_latent",       x0, none,            x0, none,    x0,          x0 | x1,     true,  false, none,  false},
    {Op::attention,       "attention",       x0 | x1 | x2, x0|x1, none, none,  x0 | x1 | x2, x0,         false, false, none,  false},
    {Op::swiglu,          "swiglu",          x0, none,            none, none,  x0,          x0,          false, false, none,  false},
    {Op::add,             "add",             none, none,          none, none,  x0 | x1,     x0,          false, false, x0|x1, false},
    {Op::concat,          "concat",          none, none,          none, none,  x0 | x1,     x0,          false, false, none,  false},
    {Op::router,          "router",          none, x0 | x1 | x2,  none, none,  x0,          x0,          false, false, none,  false},
    {Op::exchange_counts, "exchange_counts", none, none,          none, none,  none,        none,        false, true,  none,  false},
    {Op::dispatch,        "dispatch",        none, none,          none, none,  x0 | x1,     x0 | x1,     false, true,  none,  false},
    {Op::grouped_linear,  "grouped_linear",  none, none,          x0, none,    x0,          x0,          true,  false, none,  false},
    {Op::gated_swiglu,    "gated_swiglu",    x0 | x1, none,       none, none,  x0 | x1,     x0,          false, false, none,  false},
    {Op::combine,         "combine",         none, none,          none, none,  x0,          x0,          false, true,  none,  false},
    {Op::head_loss,       "head_loss",       x0, x0,              x0, x0,      x0,          none,        true,  false, none,  false},
}};
// clang-format on

constexpr bool rows_in_op_order() {
  for (std::size_t i = 0; i < num_ops; ++i)
    if (static_cast<std::size_t>(table[i].op) != i) return false;
  return true;
}
static_assert(rows_in_op_order(), "one row an op, in the order of enum class Op");

}  // namespace

const OpRow& op_row(Op op) { return table[static_cast<std::size_t>(op)]; }

std::string_view op_name(Op op) { return op_row(op).name; }

}  // namespace dsrun
