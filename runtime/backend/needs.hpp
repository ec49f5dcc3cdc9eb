// CallNeeds: what a kernel call takes besides its operands: scratch and prepared products. It follows from shapes
// alone, so that memory is planned before anything is allocated. A backend's add_needs lists the needs of each op whose
// kernel takes scratch or multiplies. To change a kernel's needs, change add_needs too
// (tests/invariants/memory_test.cpp compares).
#pragma once

#include "models/passes/pass.hpp"
#include "runtime/backend/kernel.hpp"

namespace dsrun {

enum class Op : std::uint8_t;

// The shape of a future call, before its memory exists.
struct CallShape {
  const OpAttributes& attributes;
  Pass pass;
  Dtype compute;  // of activations and weights
  Dtype wide;     // of gradients and statistics
  Dtype out;      // of the first output
  std::int64_t tokens, sequence_length;
  std::int64_t routed_rows;        // R as planned
  std::int64_t in_cols, out_cols;  // of the first input and output
  bool balances = false;           // with a sequence-wise balance loss
};

class CallNeeds {
 public:
  explicit CallNeeds(Gemm& gemm) : gemm_(gemm) {}
  void take(Dtype dtype, std::int64_t rows, std::int64_t cols);
  // Takes the operands of Gemm::multiply. Makes the product's primitive, and adds its scratch to what the call takes.
  void product(const TensorView& a, Transpose transpose_a, const TensorView& b, Transpose transpose_b,
               const TensorView& c, bool accumulate, Sizes sizes = Sizes::repeated);
  std::int64_t bytes() const { return taken_ + of_products_; }

 private:
  Gemm& gemm_;
  std::int64_t taken_ = 0, of_products_ = 0;
};

}  // namespace dsrun
