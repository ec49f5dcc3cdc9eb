// What the ops that multiply compute, in doubles and by plain loops; shares no arithmetic with the kernels. Header
// only: the bench checks with it before it times.
#pragma once

#include "tests/kernels/products_support.hpp"

namespace dsrun::test {

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

// Σ cross entropy over positions whose mask is not 0; `lse` and `d_logits` are filled in too.
struct HeadLoss {
  double sum = 0;
  Matrix lse, d_logits;
};

inline Matrix transposed(const Matrix& a) {
  Matrix turned(a.cols, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j) turned.at(j, i) = a.at(i, j);
  }
  return turned;
}

inline Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t p = 0; p < a.cols; ++p) {
      for (std::int64_t j = 0; j < b.cols; ++j) c.at(i, j) += a.at(i, p) * b.at(p, j);
    }
  }
  return c;
}

// Row i of a grouped product belongs to the expert e with offsets[e] ≤ i < offsets[e + 1]; weights are stacked.
inline std::int64_t expert_of(const std::vector<std::int64_t>& offsets, std::int64_t row) {
  std::int64_t expert = 0;
  while (offsets[static_cast<std::size_t>(expert) + 1] <= row) ++expert;
  return expert;
}

inline Matrix grouped(const std::vector<std::int64_t>& offsets, const Matrix& x, const Matrix& weights) {
  const std::int64_t out = weights.rows / (static_cast<std::int64_t>(offsets.size()) - 1);
  Matrix y(x.rows, out);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < out; ++j) {
      for (std::int64_t p = 0; p < x.cols; ++p) {
        y.at(i, j) += x.at(i, p) * weights.at(expert_of(offsets, i) * out + j, p);
      }
    }
  }
  return y;
}

struct GroupedGradients {
  Matrix dx, dweights;
};

inline GroupedGradients grouped_gradients(const std::vector<std::int64_t>& offsets, const Matrix& x,
                                          const Matrix& weights, const Matrix& dy) {
  GroupedGradients result{Matrix(x.rows, x.cols), Matrix(weights.rows, weights.cols)};
  for (std::int64_t i = 0; i < dy.rows; ++i) {
    const std::int64_t first = expert_of(offsets, i) * dy.cols;
    for (std::int64_t j = 0; j < dy.cols; ++j) {
      for (std::int64_t p = 0; p < x.cols; ++p) {
        result.dx.at(i, p) += dy.at(i, j) * weights.at(first + j, p);
        result.dweights.at(first + j, p) += dy.at(i, j) * x.at(i, p);
      }
    }
  }
  return result;
}

namespace oracle {

// Where row `token`, head `head` finds each of its numbers.
struct Places {
  const AttentionShape& shape;
  std::int64_t q(int head, int j) const { return head * (shape.nope + shape.rope) + j; }
  std::int64_t k(int head, int j) const { return head * (shape.nope + shape.value) + j; }
  std::int64_t v(int head, int j) const { return head * (shape.nope + shape.value) + shape.nope + j; }
};

inline double score(const AttentionShape& shape, const Matrix& q, const Matrix& kv, const Matrix& kr, int head,
                    std::int64_t query, std::int64_t key) {
  const oracle::Places at{shape};
  double sum = 0;
  for (int j = 0; j < shape.nope; ++j) sum += q.at(query, at.q(head, j)) * kv.at(key, at.k(head, j));
  for (int j = 0; j < shape.rope; ++j) sum += q.at(query, at.q(head, shape.nope + j)) * kr.at(key, j);
  return sum * shape.scale;
}

// The weights of the keys start … query of its sequence.
inline std::vector<double> softmax(const AttentionShape& shape, const Matrix& q, const Matrix& kv, const Matrix& kr,
                                   int head, std::int64_t query, double& lse) {
  const std::int64_t start = query / shape.length * shape.length;
  std::vector<double> weights;
  double total = 0;
  for (std::int64_t key = start; key <= query; ++key) {
    weights.push_back(std::exp(score(shape, q, kv, kr, head, query, key)));
    total += weights.back();
  }
  for (double& weight : weights) weight /= total;
  lse = std::log(total);
  return weights;
}

}  // namespace oracle

inline AttentionOutputs attention(const AttentionShape& shape, const Matrix& q, const Matrix& kv, const Matrix& kr) {
  const oracle::Places at{shape};
  AttentionOutputs result{Matrix(q.rows, shape.heads * shape.value), Matrix(q.rows, shape.heads)};
  for (int head = 0; head < shape.heads; ++head) {
    for (std::int64_t query = 0; query < q.rows; ++query) {
      const auto weights = oracle::softmax(shape, q, kv, kr, head, query, result.lse.at(query, head));
      const std::int64_t start = query / shape.length * shape.length;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        for (int j = 0; j < shape.value; ++j) {
          result.o.at(query, head * shape.value + j) +=
              weights[i] * kv.at(start + static_cast<std::int64_t>(i), at.v(head, j));
        }
      }
    }
  }
  return result;
}

inline AttentionGradients attention_gradients(const AttentionShape& shape, const Matrix& q, const Matrix& kv,
                                              const Matrix& kr, const Matrix& d_o) {
  const oracle::Places at{shape};
  AttentionGradients result{Matrix(q.rows, q.cols), Matrix(kv.rows, kv.cols), Matrix(kr.rows, kr.cols)};
  for (int head = 0; head < shape.heads; ++head) {
    for (std::int64_t query = 0; query < q.rows; ++query) {
      double lse = 0, mean = 0;
      const auto weights = oracle::softmax(shape, q, kv, kr, head, query, lse);
      const std::int64_t start = query / shape.length * shape.length;
      std::vector<double> d_weights(weights.size());
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::int64_t key = start + static_cast<std::int64_t>(i);
        for (int j = 0; j < shape.value; ++j) {
          const double gradient = d_o.at(query, head * shape.value + j);
          d_weights[i] += gradient * kv.at(key, at.v(head, j));
          result.dkv.at(key, at.v(head, j)) += weights[i] * gradient;
        }
        mean += weights[i] * d_weights[i];
      }
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::int64_t key = start + static_cast<std::int64_t>(i);
        const double d_score = weights[i] * (d_weights[i] - mean) * shape.scale;
        for (int j = 0; j < shape.nope; ++j) {
          result.dq.at(query, at.q(head, j)) += d_score * kv.at(key, at.k(head, j));
          result.dkv.at(key, at.k(head, j)) += d_score * q.at(query, at.q(head, j));
        }
        for (int j = 0; j < shape.rope; ++j) {
          result.dq.at(query, at.q(head, shape.nope + j)) += d_score * kr.at(key, j);
          result.dkr.at(key, j) += d_score * q.at(query, at.q(head, shape.nope + j));
        }
      }
    }
  }
  return result;
}

inline HeadLoss head_loss(const Matrix& x, const Matrix& weight, const std::vector<std::int32_t>& targets,
                          const std::vector<std::uint8_t>& mask) {
  HeadLoss result{0, Matrix(x.rows, 1), Matrix(x.rows, weight.rows)};
  const Matrix logits = product(x, transposed(weight));
  for (std::int64_t i = 0; i < x.rows; ++i) {
    double total = 0;
    for (std::int64_t j = 0; j < weight.rows; ++j) total += std::exp(logits.at(i, j));
    result.lse.at(i, 0) = std::log(total);
    if (mask[static_cast<std::size_t>(i)] == 0) continue;
    const std::int64_t target = targets[static_cast<std::size_t>(i)];
    result.sum += result.lse.at(i, 0) - logits.at(i, target);
    for (std::int64_t j = 0; j < weight.rows; ++j) {
      result.d_logits.at(i, j) = std::exp(logits.at(i, j)) / total - (j == target ? 1 : 0);
    }
  }
  return result;
}

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
