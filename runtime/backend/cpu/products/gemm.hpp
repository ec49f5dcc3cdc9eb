// Matrix products of one device thread on the CPU: oneDNN for bf16 (fp32 accumulation) and fp32, a blocked loop for
// fp64.
#pragma once

#include <memory>

#include "runtime/backend/gemm.hpp"
#include "runtime/memory/workspace.hpp"

namespace dsrun {

// False: this processor has no bf16 instructions, on which oneDNN's bf16 products are slow or missing; use fp32.
bool bf16_products_supported();

// Primitives are made once and used again. The bytes that a primitive holds are an estimate, since oneDNN does not
// report them.
class CpuGemm final : public Gemm {
 public:
  explicit CpuGemm(Workspace& workspace, int num_threads = 1);
  ~CpuGemm() override;
  void bind_thread() const override;  // the calling thread's products use num_threads threads
  void multiply(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                const TensorView& c, bool accumulate, Sizes sizes) override;
  std::int64_t prepare(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
                       const TensorView& c, bool accumulate, Sizes sizes) override;
  std::int64_t bytes_held() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dsrun
