// Gemm: a backend's matrix products for one device, and what it prepares for them.
#pragma once

#include <cstdint>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

enum class Transpose : bool { no, yes };
// Whether this shape will come again. The number of an expert's rows repeats only by chance.
enum class Sizes : bool { repeated, ragged };

// Not thread-safe: each device thread has its own Gemm. If another thread made it, the device's thread calls
// bind_thread() first.
class Gemm {
 public:
  virtual ~Gemm() = default;
  virtual void bind_thread() const = 0;

  // C = op(A) · op(B), or C += … with `accumulate`. op(A) is m × k, op(B) k × n, C m × n (views give the stored shapes
  // and strides). A and B have one dtype among f64, f32, bf16; C has that dtype or, for bf16, also f32. Throws
  // InternalError if the shapes do not fit together.
  virtual void multiply(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                        const TensorView& c, bool accumulate = false, Sizes sizes = Sizes::repeated) = 0;

  // Prepares such a product and returns the bytes of scratch that it will take. The views' data may be null.
  virtual std::int64_t prepare(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                               const TensorView& c, bool accumulate, Sizes sizes = Sizes::repeated) = 0;
  // Bytes that all prepared products hold, counted as the workspace counts.
  virtual std::int64_t bytes_held() const = 0;
};

}  // namespace dsrun
