// Explicit vectors for the softmaxes inside attention and head_loss, whose sums and maxima GCC leaves scalar: Lanes<T>
// holds a cache line of Compute<T>. GCC's vector extension, so any processor will do. Sums add in a fixed order.
// Vectors travel by reference: by value their calling convention depends on the processor.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "runtime/bf16.hpp"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace dsrun {

template <class T>
struct Lanes {
  using Scalar = Compute<T>;
  static constexpr std::int64_t width = 64 / sizeof(Scalar);
  typedef Scalar Vector __attribute__((vector_size(64)));

  static std::int64_t round_up(std::int64_t count) { return (count + width - 1) / width * width; }

  static void fill(Vector& lanes, Scalar value) { lanes = value - Vector{}; }

  template <class From>
  static void load(Vector& lanes, const From* from) {
    if constexpr (sizeof(From) == sizeof(Bf16)) {
      typedef std::uint16_t Half __attribute__((vector_size(32)));
      typedef std::uint32_t Word __attribute__((vector_size(64)));
      Half half;
      std::memcpy(&half, from, sizeof half);
      const Word raw = __builtin_convertvector(half, Word) << 16;
      std::memcpy(&lanes, &raw, sizeof raw);
    } else {
      std::memcpy(&lanes, from, sizeof lanes);
    }
  }

  // To bf16 rounds to nearest even; the processor's own NaNs stay NaNs.
  template <class To>
  static void store(To* to, const Vector& lanes) {
    if constexpr (sizeof(To) == sizeof(Bf16)) {
#ifdef __AVX512BF16__
      const auto half = _mm512_cvtneps_pbh(reinterpret_cast<const __m512&>(lanes));
#else
      typedef std::uint16_t Half __attribute__((vector_size(32)));
      typedef std::uint32_t Word __attribute__((vector_size(64)));
      Word raw;
      std::memcpy(&raw, &lanes, sizeof raw);
      const Half half = __builtin_convertvector((raw + 0x7fffu + ((raw >> 16) & 1u)) >> 16, Half);
#endif
      std::memcpy(static_cast<void*>(to), &half, sizeof half);
    } else {
      std::memcpy(to, &lanes, sizeof lanes);
    }
  }

  static void raise_to(Vector& lanes, const Vector& other) { lanes = other > lanes ? other : lanes; }

  static Scalar max_of(const Vector& lanes) {
    return fold(lanes, [](Scalar a, Scalar b) { return a > b ? a : b; });
  }
  static Scalar sum_of(const Vector& lanes) {
    return fold(lanes, [](Scalar a, Scalar b) { return a + b; });
  }

  // exp of what is at most 88; below −87 it is 0; NaN stays NaN. Relative error below 2e-7.
  static void exponentiate(Vector& x) {
    if constexpr (sizeof(Scalar) == sizeof(double)) {
      for (std::int64_t i = 0; i < width; ++i) x[i] = std::exp(x[i]);
    } else {
      exponentiate_f32(x);
    }
  }

 private:
  template <class Combine>
  static Scalar fold(const Vector& lanes, const Combine& combine) {
    Scalar parts[width];
    std::memcpy(parts, &lanes, sizeof parts);
    fold_halves<width / 2>(parts, combine);
    return parts[0];
  }

  // Counts known at compile time, so that all of it stays in registers.
  template <std::int64_t count, class Combine>
  static void fold_halves(Scalar* parts, const Combine& combine) {
    for (std::int64_t i = 0; i < count; ++i) parts[i] = combine(parts[i], parts[i + count]);
    if constexpr (count > 1) fold_halves<count / 2>(parts, combine);
  }

  // x = n ln 2 + r, |r| ≤ ln 2 / 2; e^r by its Taylor polynomial. Adding 1.5 · 2^23 rounds to an integer.
  static void exponentiate_f32(Vector& x) {
    typedef std::int32_t Integers __attribute__((vector_size(64)));
    constexpr float rounder = 12582912.0f;
    const Vector shifted = x * 1.44269504f + rounder;
    const Vector n = shifted - rounder;
    const Vector r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Vector e = r * (1.0f / 5040) + (1.0f / 720);
    for (const float coefficient : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) e = e * r + coefficient;
    Integers bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;  // 2^n: n stands in the low bits of the shifted number
    Vector power;
    std::memcpy(&power, &bits, sizeof power);
    x = x < -87.0f ? Vector{} : e * power;
  }
};

}  // namespace dsrun
