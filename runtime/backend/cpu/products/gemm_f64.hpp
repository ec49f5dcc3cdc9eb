// The fp64 product behind Gemm::multiply. Tests train small models in fp64, so it is plain but not slow.
#pragma once

#include "runtime/backend/cpu/products/gemm.hpp"

namespace dsrun {

// C = op(A) · op(B), or C += …; all three are fp64, and no dimension is zero.
void multiply_f64(Workspace& workspace, const TensorView& a, Transpose transpose_a, const TensorView& b,
                  Transpose transpose_b, const TensorView& c, bool accumulate);

// Bytes that a product with `cols` columns takes from the workspace.
std::int64_t multiply_f64_scratch_bytes(std::int64_t cols);

}  // namespace dsrun
