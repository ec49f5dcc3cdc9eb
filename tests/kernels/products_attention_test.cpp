#include "tests/kernels/products_call.hpp"
#include "tests/kernels/products_oracle.hpp"

namespace dsrun::test {
namespace {

class AttentionTest : public ProductTest {
 protected:
  void check(const AttentionShape& shape, std::int64_t tokens) {
    const int key = shape.nope + shape.rope;
    Stored q(random_matrix(tokens, shape.heads * key, 1, 1.5), dtype(), 3);
    Stored kv(random_matrix(tokens, shape.heads * (shape.nope + shape.value), 2, 1.5), dtype(), 1);
    Stored kr(random_matrix(tokens, shape.rope, 3, 1.5), dtype(), 2);
    Stored o(Matrix(tokens, shape.heads * shape.value), dtype(), 5), lse(Matrix(tokens, shape.heads), wide(dtype()), 1);
    Frame frame{.attributes = {.heads = shape.heads,
                               .nope_dim = shape.nope,
                               .rope_dim = shape.rope,
                               .value_dim = shape.value,
                               .softmax_scale = shape.scale},
                .inputs = {q.view(), kv.view(), kr.view()},
                .outputs = {o.view(), lse.view()},
                .batch = {.sequence_length = shape.length}};
    frame.run(attention_forward, workspace_, gemm_);
    const AttentionOutputs expected = attention(shape, q.matrix(), kv.matrix(), kr.matrix());
    EXPECT_LT(relative_error(o.matrix(), expected.o), tolerance(dtype()));
    EXPECT_LT(relative_error(lse.matrix(), expected.lse), tolerance(wide(dtype())));
    EXPECT_TRUE(o.gaps_untouched() && lse.gaps_untouched());

    Stored d_o(random_matrix(tokens, shape.heads * shape.value, 4), dtype(), 2);
    frame.grad_outputs = {d_o.view(), TensorView{}};
    const AttentionGradients gradients = attention_gradients(shape, q.matrix(), kv.matrix(), kr.matrix(), d_o.matrix());
    for (const Addend addend : every_addend) check_gradients(frame, gradients, addend);
  }

  void check_gradients(Frame& frame, const AttentionGradients& expected, Addend addend) {
    const double allowed = dtype() == Dtype::bf16 ? 1.5e-2 : tolerance(dtype());  // weights and slopes are rounded too
    Target d_q(expected.dq.rows, expected.dq.cols, dtype(), addend, 1);
    Target d_kv(expected.dkv.rows, expected.dkv.cols, dtype(), addend, 4);
    Target d_kr(expected.dkr.rows, expected.dkr.cols, dtype(), addend, 2);
    frame.grad_inputs = {d_q.target(), d_kv.target(), d_kr.target()};
    frame.run(attention_backward_input, workspace_, gemm_);
    EXPECT_LT(relative_error(d_q.out.matrix(), plus(expected.dq, d_q.before)), allowed);
    EXPECT_LT(relative_error(d_kv.out.matrix(), plus(expected.dkv, d_kv.before)), allowed);
    EXPECT_LT(relative_error(d_kr.out.matrix(), plus(expected.dkr, d_kr.before)), allowed);
    EXPECT_TRUE(d_q.out.gaps_untouched() && d_kv.out.gaps_untouched() && d_kr.out.gaps_untouched());
  }

  static AttentionShape shape(int heads, int nope, int rope, int value, std::int64_t length) {
    return {heads, nope, rope, value, length, 1 / std::sqrt(nope + rope)};
  }
};

TEST_P(AttentionTest, attends_within_odd_sizes) {
  check(shape(1, 1, 2, 1, 1), 1);
  check(shape(2, 3, 2, 5, 7), 7);
  check(shape(3, 5, 4, 7, 33), 33);
}

TEST_P(AttentionTest, restarts_at_each_sequence) {
  check(shape(2, 6, 4, 5, 9), 36);
  check(shape(2, 16, 8, 16, 64), 128);
}

TEST_P(AttentionTest, crosses_blocks_of_rows) {
  check(shape(2, 8, 4, 8, 65), 130);
  check(shape(1, 16, 16, 32, 128), 256);
  check(shape(1, 8, 4, 8, 191), 191);
}

TEST_P(AttentionTest, crosses_pieces_of_a_long_sequence) { check(shape(1, 6, 2, 5, 1100), 1100); }

// A late key that outweighs all of an earlier piece makes what was summed so far be rescaled.
TEST_P(AttentionTest, survives_scores_that_grow_along_the_sequence) {
  const std::int64_t length = 700;
  Matrix q_values(length, 3), kv_values = random_matrix(length, 4, 2);
  for (std::int64_t i = 0; i < length; ++i) {
    q_values.at(i, 0) = 8;
    kv_values.at(i, 0) = static_cast<double>(i / 4) / 8;
  }
  Stored q(q_values, dtype()), kv(kv_values, dtype()), kr(Matrix(length, 2), dtype());
  Stored o(Matrix(length, 3), dtype()), lse(Matrix(length, 1), wide(dtype()));
  const AttentionShape one{1, 1, 2, 3, length, 1.0};
  Frame{.attributes = {.heads = 1, .nope_dim = 1, .rope_dim = 2, .value_dim = 3, .softmax_scale = 1.0},
        .inputs = {q.view(), kv.view(), kr.view()},
        .outputs = {o.view(), lse.view()},
        .batch = {.sequence_length = length}}
      .run(attention_forward, workspace_, gemm_);
  const AttentionOutputs expected = attention(one, q.matrix(), kv.matrix(), kr.matrix());
  EXPECT_LT(relative_error(o.matrix(), expected.o), 5 * tolerance(dtype()));
  EXPECT_LT(relative_error(lse.matrix(), expected.lse), tolerance(wide(dtype())));
}

TEST(AttentionOracle, gradients_agree_with_finite_differences) {
  const AttentionShape shape{2, 2, 2, 3, 4, 0.6};
  const Matrix q = random_matrix(8, 8, 1), kv = random_matrix(8, 10, 2), kr = random_matrix(8, 2, 3);
  const Matrix d_o = random_matrix(8, 6, 4);
  const AttentionGradients gradients = attention_gradients(shape, q, kv, kr, d_o);
  const auto by_q = [&](const Matrix& moved) { return dot(d_o, attention(shape, moved, kv, kr).o); };
  const auto by_kv = [&](const Matrix& moved) { return dot(d_o, attention(shape, q, moved, kr).o); };
  const auto by_kr = [&](const Matrix& moved) { return dot(d_o, attention(shape, q, kv, moved).o); };
  EXPECT_LT(relative_error(finite_differences(by_q, q), gradients.dq), 1e-8);
  EXPECT_LT(relative_error(finite_differences(by_kv, kv), gradients.dkv), 1e-8);
  EXPECT_LT(relative_error(finite_differences(by_kr, kr), gradients.dkr), 1e-8);
}

DSRUN_PRODUCT_TESTS(AttentionTest);

}  // namespace
}  // namespace dsrun::test
