// What the ops that multiply compute, in doubles and by plain loops; shares no arithmetic with the kernels.
#pragma once

#include "tests/kernels/products_support.hpp"

namespace dsrun::test {

Matrix transposed(const Matrix& a);
Matrix product(const Matrix& a, const Matrix& b);

struct AttentionShape {
  int heads, nope, rope, value;
  std::int64_t length;  // of a sequence
  double scale;
};
struct AttentionOutputs {
  Matrix o, lse;
};
struct AttentionGradients {
  Matrix dq, dkv, dkr;
};
AttentionOutputs attention(const AttentionShape& shape, const Matrix& q, const Matrix& kv, const Matrix& kr);
AttentionGradients attention_gradients(const AttentionShape& shape, const Matrix& q, const Matrix& kv, const Matrix& kr,
                                       const Matrix& d_o);

// Σ cross entropy over positions whose mask is not 0; `lse` and `d_logits` are filled in too.
struct HeadLoss {
  double sum = 0;
  Matrix lse, d_logits;
};
HeadLoss head_loss(const Matrix& x, const Matrix& weight, const std::vector<std::int32_t>& targets,
                   const std::vector<std::uint8_t>& mask);

// d f / d x by central differences.
template <class Function>
Matrix finite_differences(const Function& f, Matrix x, double step = 1e-5) {
  Matrix slope(x.rows, x.cols);
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const double kept = x.values[i];
    x.values[i] = kept + step;
    const double above = f(x);
    x.values[i] = kept - step;
    slope.values[i] = (above - f(x)) / (2 * step);
    x.values[i] = kept;
  }
  return slope;
}

inline double dot(const Matrix& a, const Matrix& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

}  // namespace dsrun::test
