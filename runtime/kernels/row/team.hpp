// Team: how the elements of one row are visited and reduced. Row arithmetic (the other headers here) is written once
// over a Team; the CPU brings vectorised loops, CUDA a thread block (runtime/cuda/block_team.cuh).
//
// All members of a Team call the same functions in the same order. A Team has
//   each(n, f)    calls f(i) once for every i in [0, n), in any order, maybe at the same time; then all see its writes;
//   sum(n, f)     the same, and Σ f(i) in an association that depends on n alone, known to every member;
//   max(n, f)     the largest f(i), known to every member; −inf for n = 0; NaNs count as −inf;
//   first(n, f)   the lowest i for which f(i), known to every member; n if there is none;
//   once(f)       one member calls f(); then all see its writes.
#pragma once

#include <cstdint>
#include <limits>

#include "runtime/bf16.hpp"

namespace dsrun {

struct CpuTeam {
  static constexpr int lanes = 32;  // accumulators: two AVX-512 registers of fp32, so that additions overlap

  template <class F>
  void each(std::int64_t n, F f) const {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) f(i);
  }

  template <class F>
  auto sum(std::int64_t n, F f) const {
    using A = decltype(f(std::int64_t{0}));
    A lane[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
#pragma GCC ivdep
      for (int l = 0; l < lanes; ++l) lane[l] += f(i + l);
    }
    for (int l = 0; i < n; ++i, ++l) lane[l] += f(i);
    for (int width = lanes / 2; width > 0; width /= 2)
      for (int l = 0; l < width; ++l) lane[l] += lane[l + width];
    return lane[0];
  }

  template <class F>
  auto max(std::int64_t n, F f) const {
    using A = decltype(f(std::int64_t{0}));
    constexpr int width = 16;
    A lane[width], largest = -std::numeric_limits<A>::infinity();
    for (int l = 0; l < width; ++l) lane[l] = largest;
    std::int64_t i = 0;
    for (; i + width <= n; i += width) {
#pragma GCC ivdep
      for (int l = 0; l < width; ++l) {
        const A value = f(i + l);
        lane[l] = value > lane[l] ? value : lane[l];
      }
    }
    for (; i < n; ++i) {
      const A value = f(i);
      largest = value > largest ? value : largest;
    }
    for (int l = 0; l < width; ++l) largest = lane[l] > largest ? lane[l] : largest;
    return largest;
  }

  template <class F>
  std::int64_t first(std::int64_t n, F f) const {
    std::int64_t i = 0;
    while (i < n && !f(i)) ++i;
    return i;
  }

  template <class F>
  void once(F f) const {
    f();
  }
};

// Elements of a row as numbers to compute with, whatever they are stored as.
template <class T>
DSRUN_HD inline Compute<T> load(const T* row, std::int64_t i) {
  return static_cast<Compute<T>>(row[i]);
}
template <class T>
DSRUN_HD inline void store(T* row, std::int64_t i, Compute<T> value) {
  row[i] = T(value);
}

}  // namespace dsrun
