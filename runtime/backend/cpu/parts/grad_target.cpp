#include "runtime/backend/cpu/parts/grad_target.hpp"

#include <cstring>

#include "runtime/check.hpp"

namespace dsrun {

bool place_addend(const GradTarget& target) {
  const TensorView& out = target.out;
  const TensorView& addend = target.addend;
  if (!addend) return false;
  require(addend.rows == out.rows && addend.cols == out.cols && addend.dtype == out.dtype,
          "a gradient and its addend have one shape and type");
  if (addend.data == out.data) return true;
  const std::size_t row_bytes = static_cast<std::size_t>(out.cols) * dtype_bytes(out.dtype);
  for (std::int64_t i = 0; i < out.rows; ++i) {
    std::memcpy(out.rows_from(i, 1).data, addend.rows_from(i, 1).data, row_bytes);
  }
  return true;
}

}  // namespace dsrun
