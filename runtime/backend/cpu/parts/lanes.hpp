// Lanes<A>: 16 numbers that are computed at once, by GCC's vector extension, so that it runs on any processor. Row
// arithmetic (row/) that takes its index as `auto` gets a LanesIndex from CpuTeam: load and store with it use Lanes.
// Without Lanes, GCC leaves such loops scalar or makes slower code.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "runtime/backend/row/math.hpp"
#include "runtime/memory/bf16.hpp"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace dsrun {

template <class A>
struct Lanes {
  static constexpr std::int64_t width = 16;
  typedef A Vector __attribute__((vector_size(width * sizeof(A))));

  Vector vector;

  Lanes() = default;
  Lanes(A everywhere) : vector(everywhere - Vector{}) {}
  explicit Lanes(const Vector& lanes) : vector(lanes) {}

  static std::int64_t round_up(std::int64_t count) { return (count + width - 1) / width * width; }

  friend Lanes operator+(const Lanes& a, const Lanes& b) { return Lanes(a.vector + b.vector); }
  friend Lanes operator-(const Lanes& a, const Lanes& b) { return Lanes(a.vector - b.vector); }
  friend Lanes operator*(const Lanes& a, const Lanes& b) { return Lanes(a.vector * b.vector); }
  friend Lanes operator/(const Lanes& a, const Lanes& b) { return Lanes(a.vector / b.vector); }
  friend Lanes operator-(const Lanes& a) { return Lanes(-a.vector); }
  Lanes& operator+=(const Lanes& other) { return vector += other.vector, *this; }
};

// Elements [first, first + Lanes::width) of a row.
struct LanesIndex {
  std::int64_t first;
  friend LanesIndex operator+(std::int64_t offset, LanesIndex index) { return {offset + index.first}; }
};

// ── What row/math.hpp has for single numbers ───────────────────────────────────────────────────────────────────────
template <class A>
inline constexpr float exp_limit<Lanes<A>> = exp_limit<A>;

template <class A>
inline Lanes<A> larger_of(const Lanes<A>& a, const Lanes<A>& b) {
#ifdef __AVX512F__  // GCC makes two instructions of it; maskz: without it, it warns of its own header
  if constexpr (sizeof(A) == sizeof(float)) return Lanes<A>(_mm512_maskz_max_ps(0xffff, b.vector, a.vector));
#endif
  return Lanes<A>(b.vector > a.vector ? b.vector : a.vector);
}
template <class A>
inline Lanes<A> smaller_of(const Lanes<A>& a, const Lanes<A>& b) {
#ifdef __AVX512F__
  if constexpr (sizeof(A) == sizeof(float)) return Lanes<A>(_mm512_maskz_min_ps(0xffff, b.vector, a.vector));
#endif
  return Lanes<A>(b.vector < a.vector ? b.vector : a.vector);
}
template <class A>
inline Lanes<A> zero_below(const Lanes<A>& limit, const Lanes<A>& x, const Lanes<A>& otherwise) {
  return Lanes<A>(x.vector < limit.vector ? typename Lanes<A>::Vector{} : otherwise.vector);
}
inline Lanes<float> power_of_two(const Lanes<float>& numbers) {
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  Integers bits;
  std::memcpy(&bits, &numbers.vector, sizeof bits);
  bits <<= 23;
  Lanes<float> powers;
  std::memcpy(&powers.vector, &bits, sizeof bits);
  return powers;
}
inline Lanes<double> exp_within(const Lanes<double>& x) {
  Lanes<double> powers;
  for (std::int64_t i = 0; i < Lanes<double>::width; ++i) powers.vector[i] = std::exp(x.vector[i]);
  return powers;
}

// ── What row/team.hpp has for single elements ──────────────────────────────────────────────────────────────────────
template <class T>
inline Lanes<Compute<T>> load(const T* row, LanesIndex i) {
  Lanes<Compute<T>> lanes;
  if constexpr (sizeof(T) == sizeof(Bf16)) {
#ifdef __AVX512F__  // GCC converts halves of it and puts them together
    __m256i half;
    std::memcpy(&half, row + i.first, sizeof half);
    const __m512i raw = _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, half), 16);
#else
    typedef std::uint16_t Half __attribute__((vector_size(32)));
    typedef std::uint32_t Word __attribute__((vector_size(64)));
    Half half;
    std::memcpy(&half, row + i.first, sizeof half);
    const Word raw = __builtin_convertvector(half, Word) << 16;
#endif
    std::memcpy(&lanes.vector, &raw, sizeof raw);
  } else {
    std::memcpy(&lanes.vector, row + i.first, sizeof lanes.vector);
  }
  return lanes;
}

template <class T>
inline void copy(const T* from, T* to, LanesIndex i) {
  std::memcpy(static_cast<void*>(to + i.first), from + i.first, Lanes<Compute<T>>::width * sizeof(T));
}

// To bf16 rounds to nearest even; NaNs stay NaNs.
template <class T>
inline void store(T* row, LanesIndex i, const Lanes<Compute<T>>& lanes) {
  if constexpr (sizeof(T) == sizeof(Bf16)) {
#ifdef __AVX512BF16__
    const auto half = _mm512_cvtneps_pbh(lanes.vector);
#else
    typedef std::uint16_t Half __attribute__((vector_size(32)));
    typedef std::uint32_t Word __attribute__((vector_size(64)));
    Word raw;
    std::memcpy(&raw, &lanes.vector, sizeof raw);
    const Word rounded = (raw + 0x7fffu + ((raw >> 16) & 1u)) >> 16;
    const Word quiet = (raw >> 16) | 0x40u;
    const Half half = __builtin_convertvector(lanes.vector == lanes.vector ? rounded : quiet, Half);
#endif
    std::memcpy(static_cast<void*>(row + i.first), &half, sizeof half);
  } else {
    std::memcpy(row + i.first, &lanes.vector, sizeof lanes.vector);
  }
}

}  // namespace dsrun
