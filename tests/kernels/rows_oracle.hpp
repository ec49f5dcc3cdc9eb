// What the row-wise ops compute, in doubles, written from their papers' formulas; shares no arithmetic with the
// kernels. Each gradient here is itself compared with finite differences (rows_oracle_test.cpp). Header only: the bench
// checks with it before it times.
#pragma once

#include <algorithm>
#include <complex>
#include <numeric>

#include "models/op.hpp"
#include "tests/kernels/products_support.hpp"

namespace dsrun::test {

// ── RMSNorm ─────────────────────────────────────────────────────────────────────────────────────────────────────────
struct NormGradients {
  Matrix dx, dw;
};

inline double mean_square(const Matrix& x, std::int64_t t) {
  double sum = 0;
  for (std::int64_t j = 0; j < x.cols; ++j) sum += x.at(t, j) * x.at(t, j);
  return sum / static_cast<double>(x.cols);
}

inline Matrix oracle_rms_norm(const Matrix& x, const Matrix& w, double eps) {
  Matrix y(x.rows, x.cols);
  for (std::int64_t t = 0; t < x.rows; ++t)
    for (std::int64_t j = 0; j < x.cols; ++j) y.at(t, j) = w.at(0, j) * x.at(t, j) / std::sqrt(mean_square(x, t) + eps);
  return y;
}

// Through the quotient y = w x / r, with ∂r/∂x_j = x_j / (n r).
inline NormGradients oracle_rms_norm_gradients(const Matrix& x, const Matrix& w, const Matrix& dy, double eps) {
  NormGradients made{Matrix(x.rows, x.cols), Matrix(1, x.cols)};
  const auto n = static_cast<double>(x.cols);
  for (std::int64_t t = 0; t < x.rows; ++t) {
    const double r = std::sqrt(mean_square(x, t) + eps);
    double dr = 0;
    for (std::int64_t j = 0; j < x.cols; ++j) dr -= dy.at(t, j) * w.at(0, j) * x.at(t, j) / (r * r);
    for (std::int64_t j = 0; j < x.cols; ++j) {
      made.dx.at(t, j) = dy.at(t, j) * w.at(0, j) / r + dr * x.at(t, j) / (n * r);
      made.dw.at(0, j) += dy.at(t, j) * x.at(t, j) / r;
    }
  }
  return made;
}

// ── RoPE ────────────────────────────────────────────────────────────────────────────────────────────────────────────
struct RopeShape {
  int heads, nope, rope;
  double theta;
  std::int64_t length;  // of a sequence: positions restart there
};

// Pairs as complex numbers turned by e^{iφ}; `direction` −1 turns back, which is the gradient.
inline Matrix oracle_rope(const Matrix& x, const RopeShape& shape, int direction) {
  Matrix turned = x;
  for (std::int64_t t = 0; t < x.rows; ++t)
    for (int h = 0; h < shape.heads; ++h)
      for (int i = 0; i < shape.rope / 2; ++i) {
        const std::int64_t at = h * (shape.nope + shape.rope) + shape.nope + 2 * i;
        const double angle = static_cast<double>(t % shape.length) / std::pow(shape.theta, 2.0 * i / shape.rope);
        const auto pair = std::complex(x.at(t, at), x.at(t, at + 1)) * std::polar(1.0, direction * angle);
        turned.at(t, at) = pair.real();
        turned.at(t, at + 1) = pair.imag();
      }
  return turned;
}

// ── kv_latent: [RMSNorm of the first `rank` columns | RoPE of the others] ───────────────────────────────────────────
inline Matrix columns(const Matrix& all, std::int64_t first, std::int64_t count) {
  Matrix part(all.rows, count);
  for (std::int64_t t = 0; t < all.rows; ++t)
    for (std::int64_t j = 0; j < count; ++j) part.at(t, j) = all.at(t, first + j);
  return part;
}

inline Matrix beside(const Matrix& left, const Matrix& right) {
  Matrix both(left.rows, left.cols + right.cols);
  for (std::int64_t t = 0; t < both.rows; ++t)
    for (std::int64_t j = 0; j < both.cols; ++j)
      both.at(t, j) = j < left.cols ? left.at(t, j) : right.at(t, j - left.cols);
  return both;
}

// w.cols is the rank; `shape` is that of the key: one head without columns that stay. Both outputs side by side.
inline Matrix oracle_kv_latent(const Matrix& a, const Matrix& w, const RopeShape& shape, double eps) {
  return beside(oracle_rms_norm(columns(a, 0, w.cols), w, eps), oracle_rope(columns(a, w.cols, shape.rope), shape, 1));
}

inline NormGradients oracle_kv_latent_gradients(const Matrix& a, const Matrix& w, const Matrix& dy,
                                                const RopeShape& shape, double eps) {
  NormGradients made = oracle_rms_norm_gradients(columns(a, 0, w.cols), w, columns(dy, 0, w.cols), eps);
  made.dx = beside(made.dx, oracle_rope(columns(dy, w.cols, shape.rope), shape, -1));
  return made;
}

// ── Embedding ───────────────────────────────────────────────────────────────────────────────────────────────────────
inline Matrix oracle_embed(const Matrix& w, const std::vector<std::int32_t>& tokens) {
  Matrix x(static_cast<std::int64_t>(tokens.size()), w.cols);
  for (std::int64_t t = 0; t < x.rows; ++t)
    for (std::int64_t d = 0; d < x.cols; ++d) x.at(t, d) = w.at(tokens[static_cast<std::size_t>(t)], d);
  return x;
}

inline Matrix oracle_embed_gradient(const Matrix& dx, const std::vector<std::int32_t>& tokens, std::int64_t vocab) {
  Matrix dw(vocab, dx.cols);
  for (std::int64_t t = 0; t < dx.rows; ++t)
    for (std::int64_t d = 0; d < dx.cols; ++d) dw.at(tokens[static_cast<std::size_t>(t)], d) += dx.at(t, d);
  return dw;
}

// ── SwiGLU, with a factor for each row ──────────────────────────────────────────────────────────────────────────────
struct SwigluGradients {
  Matrix da, dfactors;
};

inline double oracle_silu(double x) { return x / (1 + std::exp(-x)); }

inline Matrix oracle_swiglu(const Matrix& a, const Matrix& factors) {
  Matrix h(a.rows, a.cols / 2);
  for (std::int64_t t = 0; t < h.rows; ++t)
    for (std::int64_t j = 0; j < h.cols; ++j)
      h.at(t, j) = factors.at(t, 0) * oracle_silu(a.at(t, j)) * a.at(t, h.cols + j);
  return h;
}

inline SwigluGradients oracle_swiglu_gradients(const Matrix& a, const Matrix& factors, const Matrix& dh) {
  SwigluGradients made{Matrix(a.rows, a.cols), Matrix(a.rows, 1)};
  for (std::int64_t t = 0; t < dh.rows; ++t)
    for (std::int64_t j = 0; j < dh.cols; ++j) {
      const double gate = a.at(t, j), up = a.at(t, dh.cols + j), grown = 1 + std::exp(-gate);
      made.dfactors.at(t, 0) += dh.at(t, j) * oracle_silu(gate) * up;
      made.da.at(t, j) = factors.at(t, 0) * dh.at(t, j) * up * (1 / grown + gate * std::exp(-gate) / (grown * grown));
      made.da.at(t, dh.cols + j) = factors.at(t, 0) * dh.at(t, j) * oracle_silu(gate);
    }
  return made;
}

// ── Router ──────────────────────────────────────────────────────────────────────────────────────────────────────────
struct Routed {
  Matrix gates, scores;
  std::vector<std::vector<int>> chosen;  // by token, in order of choice
};

// Indices of the `count` largest values, the lower index first where they are equal.
inline std::vector<int> largest(const std::vector<double>& values, int count) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(count));
  return order;
}

inline std::vector<int> oracle_choice(const std::vector<double>& z, const OpAttributes& a) {
  const auto size = static_cast<std::ptrdiff_t>(z.size()) / a.expert_groups;
  std::vector<double> group_scores, limited(z.size(), -INFINITY);
  for (std::ptrdiff_t g = 0; g < a.expert_groups; ++g) {
    std::vector<double> group(z.begin() + g * size, z.begin() + (g + 1) * size);
    std::sort(group.rbegin(), group.rend());
    group_scores.push_back(group.size() > 1 ? group[0] + group[1] : group[0]);
  }
  for (const int g : largest(group_scores, a.groups_per_token))
    std::copy_n(z.begin() + g * size, size, limited.begin() + g * size);
  return largest(limited, a.experts_per_token);
}

inline Matrix oracle_gates(const Matrix& logits, const std::vector<std::vector<int>>& chosen, const OpAttributes& a) {
  Matrix gates(logits.rows, a.experts_per_token);
  for (std::int64_t t = 0; t < logits.rows; ++t) {
    double sum = 1e-20;
    for (const int e : chosen[static_cast<std::size_t>(t)]) sum += 1 / (1 + std::exp(-logits.at(t, e)));
    for (int k = 0; k < a.experts_per_token; ++k) {
      const int e = chosen[static_cast<std::size_t>(t)][static_cast<std::size_t>(k)];
      gates.at(t, k) = a.routed_scaling / (1 + std::exp(-logits.at(t, e))) / sum;
    }
  }
  return gates;
}

inline Routed oracle_router(const Matrix& logits, const std::vector<float>& bias, const OpAttributes& a) {
  Routed made{Matrix(), Matrix(logits.rows, logits.cols), {}};
  for (std::int64_t t = 0; t < logits.rows; ++t) {
    std::vector<double> z;
    for (std::int64_t e = 0; e < logits.cols; ++e) {
      made.scores.at(t, e) = 1 / (1 + std::exp(-logits.at(t, e)));
      z.push_back(made.scores.at(t, e) + static_cast<double>(bias[static_cast<std::size_t>(e)]));
    }
    made.chosen.push_back(oracle_choice(z, a));
  }
  made.gates = oracle_gates(logits, made.chosen, a);
  return made;
}

// With the choice held fixed. ∂g_k/∂s_j = scaling (δ_kj / S − s_k / S²), ∂s/∂logit = s (1 − s): the full Jacobian.
inline Matrix oracle_router_gradient(const Routed& routed, const Matrix& dgates, const OpAttributes& a) {
  Matrix dlogits(routed.scores.rows, routed.scores.cols);
  for (std::int64_t t = 0; t < dlogits.rows; ++t) {
    const std::vector<int>& chosen = routed.chosen[static_cast<std::size_t>(t)];
    double sum = 1e-20;
    for (const int e : chosen) sum += routed.scores.at(t, e);
    for (const int j : chosen)
      for (std::size_t k = 0; k < chosen.size(); ++k) {
        const double s_k = routed.scores.at(t, chosen[k]), s_j = routed.scores.at(t, j);
        const double slope = a.routed_scaling * ((chosen[k] == j ? 1 / sum : 0) - s_k / (sum * sum));
        dlogits.at(t, j) += dgates.at(t, static_cast<std::int64_t>(k)) * slope * s_j * (1 - s_j);
      }
  }
  return dlogits;
}

}  // namespace dsrun::test
