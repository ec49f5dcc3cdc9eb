// Matrix products of one device thread: oneDNN for bf16 (fp32 accumulation) and fp32, a blocked loop for fp64.
#pragma once

#include <memory>

#include "runtime/memory/tensor.hpp"
#include "runtime/memory/workspace.hpp"

namespace dsrun {

enum class Transpose : bool { no, yes };
// Whether this shape will come again: rows of an expert do so by chance alone.
enum class Sizes : bool { repeated, ragged };

// False: this processor has no bf16 instructions, on which oneDNN's bf16 products are slow or missing; use fp32.
bool bf16_products_supported();

// Primitives are made once and used again. Not thread-safe: one Gemm per device thread.
class Gemm {
 public:
  // Made in another thread than its device's: that thread calls bind_thread() first.
  explicit Gemm(Workspace& workspace, int num_threads = 1);
  ~Gemm();
  void bind_thread() const;  // the calling thread's products use num_threads threads

  // C = op(A) · op(B), or C += … with `accumulate`. op(A) is m × k, op(B) k × n, C m × n (views give the stored shapes
  // and strides). A and B have one dtype among f64, f32, bf16; C has that dtype or, for bf16, also f32.
  void multiply(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                const TensorView& c, bool accumulate = false, Sizes sizes = Sizes::repeated);

  // Makes ready for such a product, whose data may be null, and returns the bytes of scratch that it will take.
  std::int64_t prepare(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                       const TensorView& c, bool accumulate, Sizes sizes = Sizes::repeated);
  // Bytes that what was made ready holds (an estimate: oneDNN does not tell); the workspace counts them.
  std::int64_t bytes_held() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dsrun
