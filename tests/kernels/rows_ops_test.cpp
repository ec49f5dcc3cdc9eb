// The row-wise kernels against their oracles, in each dtype, with inputs rounded to it first: widths that fill no
// vector, rows with gaps between, no rows, results in the place of operands, gradients that meet an addend.
#include "models/op.hpp"
#include "tests/kernels/products_call.hpp"
#include "tests/kernels/rows_oracle.hpp"

namespace dsrun::test {
namespace {

class RowOps : public ProductTest {
 protected:
  void run(const Frame& frame, KernelFunction function) { frame.run(function, workspace_, gemm_); }
  Stored stored(std::int64_t rows, std::int64_t cols, unsigned seed, std::int64_t gap = 3) const {
    return {random_matrix(rows, cols, seed), dtype(), gap};
  }
  Stored empty(std::int64_t rows, std::int64_t cols, std::int64_t gap = 5) const {
    return {Matrix(rows, cols), dtype(), gap};
  }
  void expect_equal(const Stored& actual, const Matrix& expected) const {
    EXPECT_LT(relative_error(actual.matrix(), expected), tolerance(dtype()));
    EXPECT_TRUE(actual.gaps_untouched());
  }
};
DSRUN_PRODUCT_TESTS(RowOps);

TEST_P(RowOps, rms_norm) {
  for (const std::int64_t cols : {2, 31, 32, 77, 512}) {
    Stored x = stored(7, cols, 1), w = stored(1, cols, 2), dy = stored(7, cols, 3), y = empty(7, cols);
    const Frame forward{.attributes = {.eps = 1e-3}, .inputs = {x.view()}, .outputs = {y.view()}, .params = {w.view()}};
    run(forward, rms_norm_forward);
    expect_equal(y, oracle_rms_norm(x.matrix(), w.matrix(), 1e-3));

    const NormGradients made = oracle_rms_norm_gradients(x.matrix(), w.matrix(), dy.matrix(), 1e-3);
    for (const Addend addend : every_addend) {
      Target dx(7, cols, dtype(), addend, 2);
      const bool accumulate = addend != Addend::none;
      Stored dw(random_matrix(1, cols, 4), wide(dtype()));
      const Matrix before = accumulate ? dw.matrix() : Matrix(1, cols);
      Frame backward = forward;
      backward.grad_outputs = {dy.view()};
      backward.grad_inputs = {dx.target()};
      backward.param_grads = {{dw.view(), accumulate}};
      run(backward, rms_norm_backward_input);
      run(backward, rms_norm_backward_weight);
      expect_equal(dx.out, plus(made.dx, dx.before));
      EXPECT_LT(relative_error(dw.matrix(), plus(made.dw, before)), tolerance(wide(dtype())));
    }
  }
}

TEST_P(RowOps, rope_restarts_at_each_sequence) {
  const RopeShape shape{3, 5, 6, 100.0, 4};
  const std::int64_t cols = 33, rows = 12;
  Stored q = stored(rows, cols, 1), out = empty(rows, cols);
  const OpAttributes attributes{.heads = 3, .nope_dim = 5, .rope_dim = 6, .rope_theta = 100.0};
  Frame forward{.attributes = attributes,
                .inputs = {q.view()},
                .outputs = {out.view()},
                .batch = {.sequence_length = shape.length}};
  run(forward, rope_forward);
  const Matrix expected = oracle_rope(q.matrix(), shape, 1), restored = q.matrix();
  expect_equal(out, expected);
  forward.outputs = {q.view()};
  run(forward, rope_forward);
  expect_equal(q, expected);

  Frame back{.attributes = attributes,
             .grad_outputs = {q.view()},
             .grad_inputs = {{q.view(), {}}},
             .batch = {.sequence_length = shape.length}};
  run(back, rope_backward_input);
  expect_equal(q, restored);
}

TEST_P(RowOps, rope_gradient_meets_its_addend) {
  const RopeShape shape{2, 3, 8, 1e4, 5};
  Stored dy = stored(10, 22, 1);
  for (const Addend addend : every_addend) {
    Target dx(10, 22, dtype(), addend, 1);
    const Frame back{.attributes = {.heads = 2, .nope_dim = 3, .rope_dim = 8, .rope_theta = 1e4},
                     .grad_outputs = {dy.view()},
                     .grad_inputs = {dx.target()},
                     .batch = {.sequence_length = 5}};
    run(back, rope_backward_input);
    expect_equal(dx.out, plus(oracle_rope(dy.matrix(), shape, -1), dx.before));
  }
}

TEST_P(RowOps, kv_latent_normalises_the_latent_and_rotates_the_key) {
  const RopeShape shape{1, 0, 6, 100.0, 3};
  const std::int64_t rank = 21, rows = 6;
  Stored a = stored(rows, rank + 6, 1), w = stored(1, rank, 2), c = empty(rows, rank), kr = empty(rows, 6);
  Stored dc = stored(rows, rank, 3), dkr = stored(rows, 6, 4);
  Frame frame{.attributes = {.rope_dim = 6, .kv_rank = 21, .eps = 1e-3, .rope_theta = 100.0},
              .inputs = {a.view()},
              .outputs = {c.view(), kr.view()},
              .grad_outputs = {dc.view(), dkr.view()},
              .params = {w.view()},
              .batch = {.sequence_length = 3}};
  run(frame, kv_latent_forward);
  expect_equal(c, columns(oracle_kv_latent(a.matrix(), w.matrix(), shape, 1e-3), 0, rank));
  expect_equal(kr, columns(oracle_kv_latent(a.matrix(), w.matrix(), shape, 1e-3), rank, 6));

  const Matrix dy = beside(dc.matrix(), dkr.matrix());
  const NormGradients made = oracle_kv_latent_gradients(a.matrix(), w.matrix(), dy, shape, 1e-3);
  for (const Addend addend : every_addend) {
    Target target(rows, rank + 6, dtype(), addend, 1);
    Stored dw(random_matrix(1, rank, 5), wide(dtype()));
    const bool accumulate = addend != Addend::none;
    const Matrix before = accumulate ? dw.matrix() : Matrix(1, rank);
    frame.grad_inputs = {target.target()};
    frame.param_grads = {{dw.view(), accumulate}};
    run(frame, kv_latent_backward_input);
    run(frame, kv_latent_backward_weight);
    expect_equal(target.out, plus(made.dx, target.before));
    EXPECT_LT(relative_error(dw.matrix(), plus(made.dw, before)), tolerance(wide(dtype())));
  }
}

TEST_P(RowOps, swiglu_with_and_without_gates) {
  for (const std::int64_t width : {1, 33, 64}) {
    Stored a = stored(5, 2 * width, 1), dh = stored(5, width, 2), h = empty(5, width);
    Stored gates(random_matrix(5, 1, 3), wide(dtype()));
    Matrix ones(5, 1);
    std::fill(ones.values.begin(), ones.values.end(), 1.0);
    Frame frame{.inputs = {a.view(), gates.view()}, .outputs = {h.view()}, .grad_outputs = {dh.view()}};
    run(frame, swiglu_forward);
    expect_equal(h, oracle_swiglu(a.matrix(), ones));
    run(frame, gated_swiglu_forward);
    expect_equal(h, oracle_swiglu(a.matrix(), gates.matrix()));

    const SwigluGradients plain = oracle_swiglu_gradients(a.matrix(), ones, dh.matrix());
    const SwigluGradients gated = oracle_swiglu_gradients(a.matrix(), gates.matrix(), dh.matrix());
    for (const Addend addend : every_addend) {
      Target da(5, 2 * width, dtype(), addend, 1), da_gated(5, 2 * width, dtype(), addend, 1);
      Target dgates(5, 1, wide(dtype()), addend, 1);
      frame.grad_inputs = {da.target(), {}};
      run(frame, swiglu_backward_input);
      expect_equal(da.out, plus(plain.da, da.before));
      frame.grad_inputs = {da_gated.target(), dgates.target()};
      run(frame, gated_swiglu_backward_input);
      expect_equal(da_gated.out, plus(gated.da, da_gated.before));
      EXPECT_LT(relative_error(dgates.out.matrix(), plus(gated.dfactors, dgates.before)), tolerance(wide(dtype())));
      frame.grad_inputs = {da_gated.target(), {}};  // nobody wants the gates' gradient
      run(frame, gated_swiglu_backward_input);
    }
  }
}

TEST_P(RowOps, embed_takes_rows_and_sums_their_gradients) {
  const std::vector<std::int32_t> tokens = {2, 0, 2, 4};
  Stored w = stored(5, 19, 1), x = empty(4, 19), dx = stored(4, 19, 2);
  for (const bool accumulate : {false, true}) {
    Stored dw(random_matrix(5, 19, 3), wide(dtype()));
    const Matrix before = accumulate ? dw.matrix() : Matrix(5, 19);
    const Frame frame{.outputs = {x.view()},
                      .grad_outputs = {dx.view()},
                      .params = {w.view()},
                      .param_grads = {{dw.view(), accumulate}},
                      .batch = {.tokens = tokens.data()}};
    run(frame, embed_forward);
    run(frame, embed_backward_weight);
    EXPECT_EQ(relative_error(x.matrix(), oracle_embed(w.matrix(), tokens)), 0);
    const Matrix gradient = oracle_embed_gradient(dx.matrix(), tokens, 5);
    EXPECT_LT(relative_error(dw.matrix(), plus(gradient, before)), tolerance(wide(dtype())));
  }
}

TEST_P(RowOps, add_in_place_and_its_gradients) {
  Stored x = stored(4, 35, 1), y = stored(4, 35, 2);
  const Matrix sum = plus(x.matrix(), y.matrix());
  run({.inputs = {x.view(), y.view()}, .outputs = {y.view()}}, add_forward);
  expect_equal(y, sum);
  for (const Addend addend : every_addend) {
    Stored dz = stored(4, 35, 3);
    Target dx(4, 35, dtype(), addend, 2), dy(4, 35, dtype(), addend, 2);
    run({.grad_outputs = {dz.view()}, .grad_inputs = {dx.target(), dy.target()}}, add_backward_input);
    expect_equal(dx.out, plus(dz.matrix(), dx.before));
    expect_equal(dy.out, plus(dz.matrix(), dy.before));
  }
}

TEST_P(RowOps, nothing_happens_to_no_rows) {
  Stored none = empty(0, 32), w = stored(1, 32, 1), half = empty(0, 16);
  Stored gates(Matrix(0, 1), wide(dtype())), dw(random_matrix(1, 32, 2), wide(dtype()));
  Frame frame{.attributes = {.heads = 1, .nope_dim = 28, .rope_dim = 4, .eps = 1e-6, .rope_theta = 1e4},
              .inputs = {none.view(), gates.view()},
              .outputs = {none.view()},
              .grad_outputs = {none.view()},
              .params = {w.view()},
              .grad_inputs = {{none.view(), {}}, {gates.view(), {}}},
              .param_grads = {{dw.view(), false}},
              .batch = {.sequence_length = 4}};
  for (const KernelFunction function :
       {rms_norm_forward, rms_norm_backward_input, rope_forward, rope_backward_input, rms_norm_backward_weight})
    run(frame, function);
  EXPECT_EQ(relative_error(dw.matrix(), Matrix(1, 32)), 0) << "the weight's gradient is 0, not what was there";
  frame.outputs = frame.grad_outputs = {half.view()};
  run(frame, gated_swiglu_forward);
  run(frame, gated_swiglu_backward_input);
}

}  // namespace
}  // namespace dsrun::test
