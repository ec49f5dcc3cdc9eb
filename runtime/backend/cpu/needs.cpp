#include "runtime/backend/needs.hpp"
#include "models/op.hpp"

#include <algorithm>

#include "runtime/backend/cpu/functions.hpp"
#include "runtime/backend/cpu/parts/attention.hpp"
#include "runtime/backend/cpu/parts/head_loss_chunk.hpp"
#include "runtime/backend/cpu/parts/lanes.hpp"

namespace dsrun {
namespace {

constexpr auto no = Transpose::no, yes = Transpose::yes;

TensorView shaped(Dtype dtype, std::int64_t rows, std::int64_t cols, std::int64_t stride) {
  return {nullptr, rows, cols, stride, dtype};
}
TensorView shaped(Dtype dtype, std::int64_t rows, std::int64_t cols) { return shaped(dtype, rows, cols, cols); }

// y = x Aᵀ over `rows` rows, or its gradients.
struct Linear {
  std::int64_t rows, in, out;
  Dtype y;
  std::int64_t y_stride, dy_stride;
  Sizes sizes = Sizes::repeated;
};

void add_linear(const CallShape& call, const Linear& linear, CallNeeds& needs) {
  const TensorView x = shaped(call.compute, linear.rows, linear.in);
  const TensorView weight = shaped(call.compute, linear.out, linear.in);
  if (call.pass == Pass::forward) {
    needs.product(x, no, weight, yes, shaped(linear.y, linear.rows, linear.out, linear.y_stride), false, linear.sizes);
    return;
  }
  const TensorView dy = shaped(call.compute, linear.rows, linear.out, linear.dy_stride);
  for (const bool accumulate : {false, true}) {
    if (call.pass == Pass::backward_input)
      needs.product(dy, no, weight, no, x, accumulate, linear.sizes);
    else
      needs.product(dy, yes, x, no, shaped(call.wide, linear.out, linear.in), accumulate, linear.sizes);
  }
}

void linear_needs(const CallShape& call, CallNeeds& needs) {
  add_linear(call, {call.tokens, call.in_cols, call.out_cols, call.out, call.out_cols, call.out_cols}, needs);
}

void grouped_linear_needs(const CallShape& call, CallNeeds& needs) {
  add_linear(call,
             {call.routed_rows, call.in_cols, call.out_cols, call.compute, call.out_cols, call.out_cols, Sizes::ragged},
             needs);
}

// Elements of the compute type in the room of a wide one.
std::int64_t narrower(const CallShape& call) {
  return static_cast<std::int64_t>(dtype_bytes(call.wide) / dtype_bytes(call.compute));
}

// Rows padded to whole vectors.
std::int64_t padded(std::int64_t cols, Dtype wide) {
  return wide == Dtype::f64 ? Lanes<double>::round_up(cols) : Lanes<float>::round_up(cols);
}

void head_loss_needs(const CallShape& call, CallNeeds& needs) {
  const std::int64_t vocab = call.attributes.vocab, stride = padded(vocab, call.wide);
  const std::int64_t chunk = std::min(head_loss_chunk_rows(vocab), call.tokens);
  needs.take(call.wide, chunk, stride);
  CallShape logits = call;
  for (const std::int64_t rows : {chunk, call.tokens % chunk}) {
    if (rows == 0) continue;
    for (const Pass pass : {Pass::forward, call.pass}) {  // backward makes the logits again
      logits.pass = pass;
      add_linear(logits, {rows, call.in_cols, vocab, call.wide, stride, stride * narrower(call)}, needs);
    }
  }
}

void router_needs(const CallShape& call, CallNeeds& needs) {
  if (call.pass == Pass::backward_weight || (call.pass == Pass::backward_input && !call.balances)) return;
  if (call.pass == Pass::backward_input) {
    needs.take(call.wide, 1, call.attributes.experts);
    needs.take(Dtype::i32, 1, call.attributes.experts_per_token);
  }
  needs.take(call.wide, 1, call.attributes.experts);
  needs.take(call.wide, 1, call.attributes.expert_groups);
}

// Columns of a head, and rows' strides in the matrices of all heads.
struct HeadColumns {
  explicit HeadColumns(const OpAttributes& a)
      : key(a.nope_dim + a.rope_dim),
        value(a.value_dim),
        all_keys(a.heads * key),
        all_values(a.heads * value),
        all_kv(a.heads * (a.nope_dim + value)) {}
  std::int64_t key, value, all_keys, all_values, all_kv;
};

void attention_forward_needs(const CallShape& call, CallNeeds& needs) {
  const HeadColumns head(call.attributes);
  const std::int64_t length = call.sequence_length, block = attention_block_rows, piece = attention_piece_rows;
  const std::int64_t stride = padded(std::min(length, piece), call.wide);
  needs.take(call.compute, length, head.key);
  needs.take(call.wide, block, stride);
  needs.take(call.wide, block, head.value);
  for (std::int64_t first = 0; first < length; first += block) {
    const std::int64_t rows = std::min(block, length - first);
    for (std::int64_t from = 0; from < first + rows; from += piece) {
      const std::int64_t keys = std::min(piece, first + rows - from);
      needs.product(shaped(call.compute, rows, head.key, head.all_keys), no, shaped(call.compute, keys, head.key), yes,
                    shaped(call.wide, rows, keys, stride), false);
      needs.product(shaped(call.compute, rows, keys, stride * narrower(call)), no,
                    shaped(call.compute, keys, head.value, head.all_kv), no, shaped(call.wide, rows, head.value),
                    from > 0);
    }
  }
}

void attention_backward_needs(const CallShape& call, CallNeeds& needs) {
  const HeadColumns head(call.attributes);
  const std::int64_t length = call.sequence_length, block = attention_block_rows, piece = attention_piece_rows;
  needs.take(call.compute, length, head.key);
  for (int i = 0; i < 2; ++i) needs.take(call.wide, std::min(length, piece), block);
  needs.take(call.wide, length, 1);
  needs.take(call.wide, length, head.key);
  needs.take(call.wide, block, head.key);
  needs.take(call.wide, block, head.value);
  needs.take(call.wide, length, call.attributes.rope_dim);
  for (std::int64_t first = 0; first < length; first += block) {
    const std::int64_t rows = std::min(block, length - first);
    for (std::int64_t from = first; from < length; from += piece) {
      const std::int64_t queries = std::min(piece, length - from);
      const TensorView q = shaped(call.compute, queries, head.key, head.all_keys);
      const TensorView out = shaped(call.compute, queries, head.value, head.all_values);
      const TensorView k = shaped(call.compute, rows, head.key);
      const TensorView v = shaped(call.compute, rows, head.value, head.all_kv);
      const TensorView scores = shaped(call.wide, queries, rows, block);
      const TensorView narrowed = shaped(call.compute, queries, rows, block * narrower(call));
      needs.product(q, no, k, yes, scores, false);
      needs.product(out, no, v, yes, scores, false);
      needs.product(narrowed, yes, out, no, shaped(call.wide, rows, head.value), from > first);
      needs.product(narrowed, yes, q, no, shaped(call.wide, rows, head.key), from > first);
      needs.product(narrowed, no, k, no, shaped(call.wide, queries, head.key), first > 0);
    }
  }
}

}  // namespace

void add_cpu_needs(Op op, const CallShape& shape, CallNeeds& needs) {
  switch (op) {
    case Op::linear:
      return linear_needs(shape, needs);
    case Op::grouped_linear:
      return grouped_linear_needs(shape, needs);
    case Op::head_loss:
      return head_loss_needs(shape, needs);
    case Op::router:
      return router_needs(shape, needs);
    case Op::attention:
      return shape.pass == Pass::forward ? attention_forward_needs(shape, needs)
                                         : attention_backward_needs(shape, needs);
    default:
      return;  // operands alone
  }
}

}  // namespace dsrun
