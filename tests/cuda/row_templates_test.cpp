// Row kernels on a CUDA device against the same row templates under CpuTeam, which has its own oracles.
#include "runtime/backend/cpu/parts/cpu_team.hpp"
#include "runtime/backend/row/kv_latent.hpp"
#include "runtime/backend/row/softmax.hpp"
#include "runtime/memory/dispatch_dtype.hpp"
#include "tests/cuda/cuda_rows.hpp"

namespace dsrun::test {
namespace {

class CudaTemplates : public CudaRows {
 protected:
  // Calls row(T{}, t) for each of `rows` rows.
  template <class Row>
  void on_cpu(std::int64_t rows, const Row& row) const {
    dispatch_dtype(dtype(), [&]<class T>(T tag) {
      for (std::int64_t t = 0; t < rows; ++t) row(tag, t);
    });
  }
};
DSRUN_PRODUCT_TESTS(CudaTemplates);

TEST_P(CudaTemplates, kv_latent) {
  const LatentShape shape{77, 4, 1e-3};
  Stored in = stored(9, 85, 1), w = stored(1, 77, 2), rotation = wide_stored(random_matrix(3, 8, 3));
  Stored latent = stored(9, 77, 4), key = stored(9, 8, 5), din = stored(9, 85, 6), cpu_din = din;
  Stored cpu_latent = latent, cpu_key = key;
  const DeviceCopy on_in(in.view()), on_w(w.view()), on_rotation(rotation.view()), on_latent(latent.view()),
      on_key(key.view()), on_din(din.view());
  cuda::kv_latent(shape, 3, on_in.view(), on_w.view(), on_rotation.view(), on_latent.view(), on_key.view(), stream);
  cuda::kv_latent_input_gradient(shape, 3, on_in.view(), on_w.view(), on_rotation.view(), on_latent.view(),
                                 on_key.view(), on_din.view(), on_din.view(), stream);
  on_cpu(9, [&]<class T>(T, std::int64_t t) {
    const auto* turn = rotation.view().row<Compute<T>>(t % 3);
    T *c = cpu_latent.view().row<T>(t), *k = cpu_key.view().row<T>(t), *d = cpu_din.view().row<T>(t);
    kv_latent_row<T>(CpuTeam{}, shape, in.view().row<T>(t), w.view().as<T>(), turn, c, k);
    kv_latent_row_input_gradient<T>(CpuTeam{}, shape, in.view().row<T>(t), w.view().as<T>(), turn, c, k, d, d);
  });
  expect_equal(on_latent, latent, cpu_latent.matrix());
  expect_equal(on_key, key, cpu_key.matrix());
  expect_equal(on_din, din, cpu_din.matrix());
}

TEST_P(CudaTemplates, add_and_sum_slices) {
  Stored x = stored(12, 300, 1), y = stored(12, 300, 2), sum = stored(3, 300, 3), cpu_sum = sum;
  const Matrix added = plus(x.matrix(), y.matrix());
  const DeviceCopy on_x(x.view()), on_y(y.view()), on_sum(sum.view());
  cuda::sum_slices(on_x.view(), on_sum.view(), stream);
  cuda::add(on_x.view(), on_y.view(), on_y.view(), stream);
  on_cpu(3, [&]<class T>(T, std::int64_t t) {
    const auto slice = [&](std::int64_t s) -> const T* { return x.view().row<T>(3 * s + t); };
    sum_rows(CpuTeam{}, 4, slice, cpu_sum.view().row<T>(t), 300);
  });
  expect_equal(on_sum, sum, cpu_sum.matrix());
  expect_equal(on_y, y, added);
}

TEST_P(CudaTemplates, embed) {
  std::vector<std::int32_t> tokens = {2, 0, 2, 4};
  Stored w = stored(5, 300, 1), x = stored(4, 300, 2), cpu_x = x, dx = stored(4, 300, 3);
  Stored dw = wide_stored(random_matrix(5, 300, 4)), cpu_dw = dw;
  const DeviceCopy on_tokens(matrix(tokens.data(), Dtype::i32, 1, 4)), on_w(w.view()), on_x(x.view()), on_dx(dx.view()),
      on_dw(dw.view());
  const auto* ids = on_tokens.view().as<std::int32_t>();
  cuda::embed(on_w.view(), ids, on_x.view(), stream);
  cuda::embed_weight_gradient(on_dx.view(), ids, true, on_dw.view(), stream);
  on_cpu(4, [&]<class T>(T, std::int64_t t) {
    const std::int32_t word = tokens[static_cast<std::size_t>(t)];
    copy_row<T>(CpuTeam{}, w.view().row<T>(word), cpu_x.view().row<T>(t), 300);
    accumulate_row<T>(CpuTeam{}, dx.view().row<T>(t), cpu_dw.view().row<Compute<T>>(word), 300);
  });
  expect_equal(on_x, x, cpu_x.matrix());
  expect_equal(on_dw, dw, cpu_dw.matrix(), wide(dtype()));
  cuda::embed_weight_gradient(on_dx.view(), ids, false, on_dw.view(), stream);
  on_dw.read_back();
  EXPECT_EQ(dw.matrix().at(1, 7), 0) << "a word that no token names";
}

// Pieces of 32 keys, so that a row's maximum changes on the way; the CPU takes each row in one piece.
TEST_P(CudaTemplates, softmax_and_its_gradient) {
  const cuda::SoftmaxPieces shape{100, 24, 32, 0.3};
  Stored scores = wide_stored(random_matrix(100, 100, 1, 5)), values = stored(100, 24, 2), dout = stored(100, 24, 3);
  Stored weights = stored(100, 100, 4), sums = wide_stored(Matrix(100, 24)), out = stored(100, 24, 5), cpu_out = out;
  Stored lse = wide_stored(Matrix(100, 1)), cpu_lse = lse, dweights = wide_stored(random_matrix(100, 100, 6));
  Stored dscores(Matrix(100, 100), dtype(), 3), cpu_dscores = dscores, cpu_weights = weights;
  const DeviceCopy on_scores(scores.view()), on_values(values.view()), on_dout(dout.view()), on_weights(weights.view()),
      on_sums(sums.view()), on_out(out.view()), on_lse(lse.view()), on_dweights(dweights.view()),
      on_dscores(dscores.view());
  cuda::softmax_sum(shape, on_scores.view(), on_values.view(), on_weights.view(), on_sums.view(), on_out.view(),
                    on_lse.view(), stream);
  cuda::softmax_input_gradient(shape, on_scores.view(), on_dweights.view(), on_out.view(), on_dout.view(),
                               on_lse.view(), on_weights.view(), on_dscores.view(), stream);
  on_cpu(100, [&]<class T>(T, std::int64_t t) {
    using A = Compute<T>;
    const A* score = scores.view().row<A>(t);
    const A scale = static_cast<A>(shape.scale);
    T *weight = cpu_weights.view().row<T>(t), *o = cpu_out.view().row<T>(t);
    std::vector<A> sum(24);
    SoftmaxSoFar<A> so_far;
    softmax_row_piece<T>(CpuTeam{}, score, scale, so_far, weight, t + 1);
    for (std::int64_t key = 0; key <= t; ++key)
      for (std::int64_t j = 0; j < 24; ++j)
        sum[static_cast<std::size_t>(j)] += load(weight, key) * load(values.view().row<T>(key), j);
    const A log_sum = *cpu_lse.view().row<A>(t) = softmax_row_end<T>(CpuTeam{}, sum.data(), so_far, o, 24);
    softmax_row_input_gradient<T>(CpuTeam{}, score, dweights.view().row<A>(t), scale, log_sum,
                                  dot_row<T>(CpuTeam{}, o, dout.view().row<T>(t), 24), weight,
                                  cpu_dscores.view().row<T>(t), t + 1);
  });
  expect_equal(on_lse, lse, cpu_lse.matrix(), wide(dtype()));
  expect_equal(on_out, out, cpu_out.matrix());
  on_dscores.read_back();
  EXPECT_LT(relative_error(dscores.matrix(), cpu_dscores.matrix()), 2 * tolerance(dtype()));  // `out` was rounded
}

TEST_P(CudaTemplates, cross_entropy) {
  std::vector<std::int32_t> targets = {0, 299, 7};
  Stored logits = wide_stored(random_matrix(3, 300, 1, 4)), lse = wide_stored(Matrix(3, 1)), cpu_lse = lse;
  Stored dlogits = stored(3, 300, 2), cpu_dlogits = dlogits;
  const DeviceCopy on_targets(matrix(targets.data(), Dtype::i32, 1, 3)), on_logits(logits.view()), on_lse(lse.view()),
      on_dlogits(dlogits.view());
  cuda::log_sum_exp(on_logits.view(), on_lse.view(), stream);
  cuda::cross_entropy_gradient(on_logits.view(), on_lse.view(), on_targets.view().as<std::int32_t>(), 0.5,
                               on_dlogits.view(), stream);
  on_cpu(3, [&]<class T>(T, std::int64_t t) {
    const auto* row = logits.view().row<Compute<T>>(t);
    const auto log_sum = *cpu_lse.view().row<Compute<T>>(t) = log_sum_exp_row(CpuTeam{}, row, 300);
    cross_entropy_row_gradient<T>(CpuTeam{}, row, log_sum, targets[static_cast<std::size_t>(t)], Compute<T>(0.5),
                                  cpu_dlogits.view().row<T>(t), 300);
  });
  expect_equal(on_lse, lse, cpu_lse.matrix(), wide(dtype()));
  expect_equal(on_dlogits, dlogits, cpu_dlogits.matrix());
}

}  // namespace
}  // namespace dsrun::test
