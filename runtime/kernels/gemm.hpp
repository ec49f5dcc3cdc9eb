// Matrix products of one device thread: oneDNN for bf16 (fp32 accumulation) and fp32, a blocked loop for fp64.
#pragma once

#include <memory>

#include "runtime/tensor.hpp"
#include "runtime/workspace.hpp"

namespace dsrun {

enum class Transpose : bool { no, yes };

// Primitives are cached by (shape, layout, types). Not thread-safe: one Gemm per device thread.
class Gemm {
 public:
  explicit Gemm(Workspace& workspace, int num_threads = 1);
  ~Gemm();

  // C = op(A) · op(B), or C += … with `accumulate`. op(A) is m × k, op(B) k × n, C m × n (views give the stored shapes
  // and strides). A and B have one dtype among f64, f32, bf16; C has that dtype or, for bf16, also f32.
  void multiply(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                const TensorView& c, bool accumulate = false);

  // Bytes that cached primitives and their packed copies hold.
  std::size_t bytes_held() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dsrun
