// Row kernels on a CUDA device against the oracles that the CPU's kernels answer to. Skipped where there is no device.
#include "runtime/backend/cuda/row_kernels.hpp"

#include "runtime/backend/cpu/parts/rotation_table.hpp"
#include "tests/cuda/cuda_rows.hpp"
#include "tests/kernels/products_call.hpp"
#include "tests/kernels/rows_oracle.hpp"

namespace dsrun::test {
namespace {

DSRUN_PRODUCT_TESTS(CudaRows);

TEST_P(CudaRows, rms_norm) {
  for (const std::int64_t cols : {1, 77, 256, 1030}) {
    Stored x = stored(9, cols, 1), w = stored(1, cols, 2), dy = stored(9, cols, 3), y = stored(9, cols, 4);
    const DeviceCopy on_x(x.view()), on_w(w.view()), on_dy(dy.view()), on_y(y.view());
    cuda::rms_norm(on_x.view(), on_w.view(), 1e-3, on_y.view(), stream);
    expect_equal(on_y, y, oracle_rms_norm(x.matrix(), w.matrix(), 1e-3));

    const NormGradients made = oracle_rms_norm_gradients(x.matrix(), w.matrix(), dy.matrix(), 1e-3);
    Target dx(9, cols, dtype(), Addend::in_place, 3);
    const DeviceCopy on_dx(dx.out.view());
    cuda::rms_norm_input_gradient(on_x.view(), on_w.view(), on_dy.view(), 1e-3, on_dx.view(), on_dx.view(), stream);
    expect_equal(on_dx, dx.out, plus(made.dx, dx.before));

    Stored dw = wide_stored(random_matrix(1, cols, 5)), partials = wide_stored(Matrix(4, cols));
    const Matrix before = dw.matrix();
    const DeviceCopy on_dw(dw.view()), on_partials(partials.view());
    for (const bool accumulate : {true, false}) {
      cuda::rms_norm_weight_gradient(on_x.view(), on_dy.view(), 1e-3, on_partials.view(), accumulate, on_dw.view(),
                                     stream);
      expect_equal(on_dw, dw, accumulate ? plus(made.dw, before) : made.dw, wide(dtype()));
    }
  }
}

// Positions restart; in place; the gradient turns back.
TEST_P(CudaRows, rope) {
  const RopeShape shape{3, 5, 6, 100.0, 4};
  const cuda::RopeHeads heads{3, 5, 3, 4};
  Matrix angles(4, 6);
  const auto& table = RotationTable<double>::of(4, {.rope_dim = 6, .rope_theta = 100.0});
  for (std::int64_t p = 0; p < 4; ++p) std::copy_n(table.at(p), 6, &angles.at(p, 0));
  Stored rotation = wide_stored(angles), q = stored(12, 33, 1);
  const Matrix before = q.matrix();
  const DeviceCopy on_rotation(rotation.view()), on_q(q.view());
  cuda::rope(heads, on_q.view(), on_rotation.view(), 1, {}, on_q.view(), stream);
  expect_equal(on_q, q, oracle_rope(before, shape, 1));

  const Matrix turned = q.matrix();
  for (const Addend addend : every_addend) {
    Target dx(12, 33, dtype(), addend, 3);
    const DeviceCopy on_dx(dx.out.view()), on_other(dx.other.view());
    const TensorView plus_view = addend == Addend::none       ? TensorView{}
                                 : addend == Addend::in_place ? on_dx.view()
                                                              : on_other.view();
    cuda::rope(heads, on_q.view(), on_rotation.view(), -1, plus_view, on_dx.view(), stream);
    expect_equal(on_dx, dx.out, plus(oracle_rope(turned, shape, -1), dx.before));
  }
}

TEST_P(CudaRows, swiglu) {
  for (const std::int64_t width : {1, 300}) {
    Stored a = stored(5, 2 * width, 1), dh = stored(5, width, 2), h = stored(5, width, 3);
    Stored gates = wide_stored(random_matrix(5, 1, 4)), dgates = wide_stored(Matrix(5, 1));
    Target da(5, 2 * width, dtype(), Addend::in_place, 3);
    const DeviceCopy on_a(a.view()), on_dh(dh.view()), on_h(h.view()), on_gates(gates.view()), on_dgates(dgates.view()),
        on_da(da.out.view());
    cuda::swiglu(on_a.view(), on_gates.view(), on_h.view(), stream);
    expect_equal(on_h, h, oracle_swiglu(a.matrix(), gates.matrix()));
    const SwigluGradients made = oracle_swiglu_gradients(a.matrix(), gates.matrix(), dh.matrix());
    cuda::swiglu_input_gradient(on_a.view(), on_gates.view(), on_dh.view(), on_da.view(), on_da.view(),
                                on_dgates.view(), stream);
    expect_equal(on_da, da.out, plus(made.da, da.before));
    expect_equal(on_dgates, dgates, made.dfactors, wide(dtype()));

    Matrix ones(5, 1);
    std::fill(ones.values.begin(), ones.values.end(), 1.0);
    cuda::swiglu(on_a.view(), {}, on_h.view(), stream);
    expect_equal(on_h, h, oracle_swiglu(a.matrix(), ones));
  }
}

TEST_P(CudaRows, router) {
  const OpAttributes a{
      .experts = 64, .experts_per_token = 6, .expert_groups = 8, .groups_per_token = 3, .routed_scaling = 2.5};
  const RouterShape shape{64, 6, 8, 3, 2.5};
  Stored logits = wide_stored(random_matrix(7, 64, 1)), gates = wide_stored(Matrix(7, 6));
  Stored scores = wide_stored(Matrix(7, 64)), dgates = wide_stored(random_matrix(7, 6, 2));
  std::vector<float> bias;
  for (const double value : random_matrix(1, 64, 3, 0.1).values) bias.push_back(static_cast<float>(value));
  std::vector<std::int32_t> indices(7 * 6);
  const DeviceCopy on_logits(logits.view()), on_gates(gates.view()), on_scores(scores.view()), on_dgates(dgates.view()),
      on_indices(matrix(indices.data(), Dtype::i32, 7, 6)), on_bias(matrix(bias.data(), Dtype::f32, 1, 64));
  cuda::router(shape, on_logits.view(), on_bias.view().as<float>(), on_gates.view(), on_indices.view(),
               on_scores.view(), stream);
  const Routed expected = oracle_router(logits.matrix(), bias, a);
  expect_equal(on_gates, gates, expected.gates, wide(dtype()));
  expect_equal(on_scores, scores, expected.scores, wide(dtype()));
  on_indices.read_back();
  for (std::size_t t = 0; t < 7; ++t)
    for (std::size_t k = 0; k < 6; ++k) EXPECT_EQ(indices[t * 6 + k], expected.chosen[t][k]);

  Target dlogits(7, 64, dtype(), Addend::in_place, 3);
  const DeviceCopy on_dlogits(dlogits.out.view());
  cuda::router_input_gradient(shape, on_dgates.view(), on_indices.view(), on_scores.view(), on_dlogits.view(),
                              on_dlogits.view(), stream);
  expect_equal(on_dlogits, dlogits.out, plus(oracle_router_gradient(expected, dgates.matrix(), a), dlogits.before));
}

// The CPU's, which has its own oracle, and the device's go the same way; 2500 elements are more than a block's stretch.
TEST_P(CudaRows, adamw) {
  const std::int64_t n = 2500;
  for (const Dtype moments : {wide(dtype()), Dtype::bf16}) {
    Stored master = wide_stored(random_matrix(1, n, 1)), m(Matrix(1, n), moments), v(Matrix(1, n), moments);
    Stored weights(Matrix(1, n), dtype());
    Stored device_master = master, device_m = m, device_v = v, device_weights = weights;
    const DeviceCopy on_master(device_master.view()), on_m(device_m.view()), on_v(device_v.view()),
        on_weights(device_weights.view());
    for (std::int64_t step = 1; step <= 3; ++step) {
      const AdamwStep s{1e-2, 0.9, 0.95, 1e-8, 0.1, 0.25, step};
      Stored gradient = wide_stored(random_matrix(1, n, static_cast<unsigned>(step) + 1));
      const DeviceCopy on_gradient(gradient.view());
      adamw_update(s, master.view(), gradient.view(), m.view(), v.view(), weights.view());
      cuda::adamw_update(s, on_master.view(), on_gradient.view(), on_m.view(), on_v.view(), on_weights.view(), stream);
      must(cudaDeviceSynchronize());
    }
    // A fused multiplication may round a moment the other way.
    const Dtype exactness = moments == Dtype::bf16 ? Dtype::bf16 : wide(dtype());
    expect_equal(on_master, device_master, master.matrix(), exactness);
    expect_equal(on_m, device_m, m.matrix(), moments);
    expect_equal(on_v, device_v, v.matrix(), moments);
    expect_equal(on_weights, device_weights, weights.matrix(), dtype());
  }
}

TEST_P(CudaRows, average_of_weights) {
  const std::int64_t n = 2500;
  Stored values = wide_stored(random_matrix(1, n, 1)), average = wide_stored(random_matrix(1, n, 2));
  Stored device_average = average;
  const DeviceCopy on_values(values.view()), on_average(device_average.view());
  average_weights(0.9, values.view(), average.view());
  cuda::average_weights(0.9, on_values.view(), on_average.view(), stream);
  must(cudaDeviceSynchronize());
  expect_equal(on_average, device_average, average.matrix(), wide(dtype()));
}

TEST_P(CudaRows, nothing_is_launched_for_no_rows) {
  Stored none(Matrix(0, 8), dtype());
  EXPECT_NO_THROW(cuda::swiglu(none.view(), {}, none.view(), stream));
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace
}  // namespace dsrun::test
