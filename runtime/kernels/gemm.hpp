// Matrix products of one device thread: oneDNN for bf16 (fp32 accumulation) and fp32, a blocked loop for fp64.
#pragma once

#include <memory>

#include "runtime/tensor.hpp"
#include "runtime/workspace.hpp"

namespace dsrun {

enum class Transpose : bool { no, yes };

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
                const TensorView& c, bool accumulate = false);

  // Bytes that primitives hold (an estimate: oneDNN does not tell).
  std::size_t bytes_held() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dsrun
