#include "runtime/backend/needs.hpp"

#include <algorithm>

#include "runtime/memory/workspace.hpp"

namespace dsrun {

void CallNeeds::take(Dtype dtype, std::int64_t rows, std::int64_t cols) {
  taken_ += Workspace::rounded(rows * cols * static_cast<std::int64_t>(dtype_bytes(dtype)));
}

void CallNeeds::product(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                        const TensorView& c, bool accumulate, Sizes sizes) {
  of_products_ = std::max(of_products_, gemm_.prepare(a, transpose_a, b, transpose_b, c, accumulate, sizes));
}

}  // namespace dsrun
