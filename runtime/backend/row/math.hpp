// exp, and functions made from it, for host and device. One polynomial serves F = float and, on the host, a vector of
// floats (runtime/backend/cpu/parts/lanes.hpp, which overloads the functions that look at bits or compare).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/memory/bf16.hpp"

namespace dsrun {

// For arguments beyond ±exp_limit, exp returns its value at the limit, so that results are neither infinite nor
// subnormal.
template <class F>
inline constexpr float exp_limit = 87;
template <>
inline constexpr float exp_limit<double> = 700;

// Returns `a` if it is a NaN.
template <class F>
DSRUN_HD inline F larger_of(const F& a, const F& b) {
  return b > a ? b : a;
}
template <class F>
DSRUN_HD inline F smaller_of(const F& a, const F& b) {
  return b < a ? b : a;
}
template <class F>
DSRUN_HD inline F zero_below(const F& limit, const F& x, const F& otherwise) {
  return x < limit ? F(0) : otherwise;
}
// 2^n, where n + 127 is in the low bits of `number`.
DSRUN_HD inline float power_of_two(float number) {
  std::uint32_t bits;
  std::memcpy(&bits, &number, 4);
  bits <<= 23;
  float power;
  std::memcpy(&power, &bits, 4);
  return power;
}

// e^x = 2^n · e^r with |r| ≤ ln 2 / 2 and a polynomial in r, for |x| ≤ exp_limit. NaN gives NaN. The polynomial of
// degree 6 is exact to about 2 ulp. The coarse one, of degree 4, is exact to 5e-5, a fortieth of what rounding to bf16
// may change.
template <bool coarse, class F>
DSRUN_HD inline F exp_by_polynomial(const F& x) {
  const float magic = 12582912.0f + 127;  // 1.5 · 2^23: adding it rounds to an integer in the low mantissa bits
  const F shifted = x * F(1.44269504088896341f) + F(magic);
  const F n = shifted - F(magic);
  const F r = (x - n * F(0.693359375f)) + n * F(2.12194440e-4f);  // ln 2 in two parts
  F p = F(4.1665795894e-2f);
  if constexpr (!coarse) p = ((F(1.9875691500e-4f) * r + F(1.3981999507e-3f)) * r + F(8.3334519073e-3f)) * r + p;
  p = p * r + F(1.6666665459e-1f);
  p = p * r + F(5.0000001201e-1f);
  p = (p * r + F(1.0f)) * r + F(1.0f);
  return p * power_of_two(shifted);
}

template <class F>
DSRUN_HD inline F exp_within(const F& x) {
  return exp_by_polynomial<false>(x);
}
DSRUN_HD inline double exp_within(double x) { return std::exp(x); }

template <class F>
DSRUN_HD inline F within_exp_limit(const F& x) {
  return smaller_of(larger_of(x, F(-exp_limit<F>)), F(exp_limit<F>));
}

template <class F>
DSRUN_HD inline F fast_exp(const F& x) {
  return exp_within(within_exp_limit(x));
}

// A softmax's exp, for x ≤ exp_limit. It is 0 for x below −exp_limit, −inf included.
template <class F>
DSRUN_HD inline F exp_or_zero(const F& x) {
  return zero_below(F(-exp_limit<F>), x, exp_within(x));
}

template <class F>
DSRUN_HD inline F sigmoid(const F& x) {
  return F(1) / (F(1) + exp_within(-within_exp_limit(x)));
}

// x · sigmoid(x), with the precision that results stored as T need.
template <class T, class F>
DSRUN_HD inline F silu(const F& x) {
  const F minus = -within_exp_limit(x);
  if constexpr (sizeof(T) == sizeof(Bf16))
    return x / (F(1) + exp_by_polynomial<true>(minus));
  else
    return x / (F(1) + exp_within(minus));
}

}  // namespace dsrun
