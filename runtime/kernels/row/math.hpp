// exp and sigmoid for host and device: one polynomial, because GCC leaves loops over expf scalar.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/bf16.hpp"

namespace dsrun {

// e^x = 2^n · e^r with |r| ≤ ln 2 / 2 and a polynomial of degree 6 in r; about 2 ulp. Finite arguments are taken to lie
// in [−87, 87], so that neither infinities nor subnormals come out; others give NaN. Integers clamp the argument: GCC
// turns comparisons of floats into paths with a copy of the caller's division each.
DSRUN_HD inline float fast_exp(float argument) {
  std::uint32_t raw;
  std::memcpy(&raw, &argument, 4);
  const std::int32_t limit = 0x42ae0000;  // 87
  std::int32_t magnitude = static_cast<std::int32_t>(raw & 0x7fffffffu);
  magnitude = magnitude < limit ? magnitude : limit;
  raw = (raw & 0x80000000u) | static_cast<std::uint32_t>(magnitude);
  float x;
  std::memcpy(&x, &raw, 4);
  const float magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer in the low mantissa bits
  const float shifted = x * 1.44269504088896341f + magic;
  const float n = shifted - magic;
  float r = x - n * 0.693359375f;  // ln 2 in two parts
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + (argument * 0.0f + 1.0f);
  std::uint32_t bits;
  std::memcpy(&bits, &shifted, 4);
  bits = (bits + 127u) << 23;  // 2^n: n stands in the low bits, and what is above them is shifted out
  float scale;
  std::memcpy(&scale, &bits, 4);
  return p * scale;
}
DSRUN_HD inline double fast_exp(double x) { return std::exp(x); }

template <class A>
DSRUN_HD inline A sigmoid(A x) {
  return A(1) / (A(1) + fast_exp(-x));
}

template <class A>
DSRUN_HD inline A silu(A x) {
  return x / (A(1) + fast_exp(-x));
}

}  // namespace dsrun
