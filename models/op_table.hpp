// What the planner, the passes and the executor need to know about each op: one row for each op.
#pragma once

#include <array>
#include <cstdint>

#include "models/element.hpp"
#include "models/op.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

// A set of operand positions, as bits.
using Operands = std::uint8_t;
constexpr Operands operand(int index) { return static_cast<Operands>(1u << index); }

// The axis of the mesh along which an op's messages go.
enum class Axis : std::uint8_t { none, expert };

// What an op's messages do.
enum class Movement : std::uint8_t {
  none,
  announce,  // announces to the owners of experts which rows a scatter will bring; goes the ways of a scatter
  scatter,   // takes a token's row to the ranks that own one of its experts
  gather,    // brings sums of a token's rows back to its owner
};

// Elements that a message carries for each (row, expert) pair.
struct PairContent {
  Element element;
  int count;
};

// An op's messages. Its gradients move in the opposite direction with the same content. A row of a scatter or gather is
// a row of the op's first input; sizes in bytes: models/transfer.hpp.
struct OpTransfer {
  Axis axis;
  Movement forward;
  PairContent pair;
};

// How many matrix products a pass computes for a row: with the op's parameter, and with the keys and the values of its
// sequence. FLOPs: flops_per_row() in models/costs.hpp.
struct ProductCount {
  int parameter, keys, values;
};
struct OpProducts {
  ProductCount forward, backward_input, backward_weight;
};

// No member has a default: a row that lacks a column does not compile.
struct OpRow {
  Op op;
  std::string_view name;
  // What backward reads from the forward pass. Inputs and outputs that are not named here can be dropped after forward.
  Operands input_gradient_inputs;
  Operands input_gradient_outputs;
  Operands weight_gradient_inputs;
  Operands weight_gradient_outputs;
  Operands differentiable;  // inputs that a gradient flows to
  Operands with_gradient;   // outputs that a gradient comes back through
  bool has_params;
  Operands forward_in_place;  // inputs whose memory output 0 may take over when they die here
  bool backward_in_place;     // the gradient of input 0 may take over the gradient of output 0
  OpTransfer transfer;
  OpProducts products;

  // Whether the op takes two steps, start and finish, in forward and backward.
  constexpr bool communicates() const { return transfer.axis != Axis::none; }
};

namespace op_table_detail {

inline constexpr Operands none = 0, x0 = operand(0), x1 = operand(1), x2 = operand(2);

inline constexpr OpTransfer stays{Axis::none, Movement::none, {Element::index, 0}};
inline constexpr OpTransfer announces{Axis::expert, Movement::announce, {Element::index, 2}};  // row, expert
inline constexpr OpTransfer scatters{Axis::expert, Movement::scatter, {Element::wide, 1}};     // gate
inline constexpr OpTransfer gathers{Axis::expert, Movement::gather, {Element::wide, 0}};

inline constexpr OpProducts no_products{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
inline constexpr OpProducts linear{{1, 0, 0}, {1, 0, 0}, {1, 0, 0}};
// Each backward pass computes the logits again.
inline constexpr OpProducts head{{1, 0, 0}, {2, 0, 0}, {2, 0, 0}};
// Backward computes the scores once more, then the gradients of values, probabilities, queries and keys.
inline constexpr OpProducts scores{{0, 1, 1}, {0, 3, 2}, {0, 0, 0}};

// clang-format off
inline constexpr std::array<OpRow, num_ops> table = {{
    // op                  name              dX: in, out          dW: in, out  differ.      with grad    params in place f, b   transfer   products
    {Op::embed,           "embed",           none, none,          none, none,  none,        x0,          true,  none,  false, stays,     no_products},
    {Op::rms_norm,        "rms_norm",        x0, none,            x0, none,    x0,          x0,          true,  none,  false, stays,     no_products},
    {Op::linear,          "linear",          none, none,          x0, none,    x0,          x0,          true,  none,  false, stays,     linear},
    {Op::rope,            "rope",            none, none,          none, none,  x0,          x0,          false, x0,    true,  stays,     no_products},
    {Op::kv_latent,       "kv_latent",       x0, none,            x0, none,    x0,          x0 | x1,     true,  none,  false, stays,     no_products},
    {Op::attention,       "attention",       x0 | x1 | x2, x0|x1, none, none,  x0 | x1 | x2, x0,         false, none,  false, stays,     scores},
    {Op::swiglu,          "swiglu",          x0, none,            none, none,  x0,          x0,          false, none,  false, stays,     no_products},
    {Op::add,             "add",             none, none,          none, none,  x0 | x1,     x0,          false, x0|x1, false, stays,     no_products},
    {Op::concat,          "concat",          none, none,          none, none,  x0 | x1,     x0,          false, none,  false, stays,     no_products},
    {Op::router,          "router",          none, x0 | x1 | x2,  none, none,  x0,          x0,          false, none,  false, stays,     no_products},
    {Op::exchange_counts, "exchange_counts", none, none,          none, none,  none,        none,        false, none,  false, announces, no_products},
    {Op::dispatch,        "dispatch",        none, none,          none, none,  x0 | x1,     x0 | x1,     false, none,  false, scatters,  no_products},
    {Op::grouped_linear,  "grouped_linear",  none, none,          x0, none,    x0,          x0,          true,  none,  false, stays,     linear},
    {Op::gated_swiglu,    "gated_swiglu",    x0 | x1, none,       none, none,  x0 | x1,     x0,          false, none,  false, stays,     no_products},
    {Op::combine,         "combine",         none, none,          none, none,  x0,          x0,          false, none,  false, gathers,   no_products},
    {Op::head_loss,       "head_loss",       x0, x0,              x0, x0,      x0,          none,        true,  none,  false, stays,     head},
}};
// clang-format on

static_assert(has_row_for_each_enumerator(table, &OpRow::op),
              "a table needs a row for each enumerator, in their order");

// A transfer has an axis, a movement and no products. An op with products of a parameter has a parameter, and products
// for both gradients.
constexpr bool columns_agree(const OpRow& row) {
  const OpTransfer& transfer = row.transfer;
  const OpProducts& products = row.products;
  if ((transfer.axis == Axis::none) != (transfer.forward == Movement::none)) return false;
  if (transfer.forward == Movement::none && transfer.pair.count != 0) return false;
  if (transfer.forward == Movement::announce && transfer.pair.count == 0) return false;
  if (transfer.axis != Axis::none && products.forward.parameter + products.forward.keys > 0) return false;
  if ((products.forward.parameter > 0) != (products.backward_weight.parameter > 0)) return false;
  if (products.forward.parameter > 0 && !row.has_params) return false;
  return products.forward.parameter <= products.backward_input.parameter &&
         products.forward.keys <= products.backward_input.keys &&
         products.forward.values <= products.backward_input.values;
}
constexpr bool all_columns_agree() {
  for (const OpRow& row : table)
    if (!columns_agree(row)) return false;
  return true;
}
static_assert(all_columns_agree(), "every op has its transfer and products columns");

}  // namespace op_table_detail

constexpr const OpRow& op_row(Op op) { return op_table_detail::table[static_cast<std::size_t>(op)]; }

}  // namespace dsrun
