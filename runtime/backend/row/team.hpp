// Team: how the elements of one row are visited and reduced. Row arithmetic (the other headers here) is written once,
// over a Team. The CPU's Team loops over vectors (runtime/backend/cpu/parts/cpu_team.hpp); CUDA's is a thread block
// (runtime/backend/cuda/block_team.cuh).
//
// All members of a Team call the same functions in the same order. A Team has
//   each(n, f)    calls f(i) once for every i in [0, n), in any order, maybe at the same time; then all see its writes;
//   sum(n, f)     the same, and Σ f(i) in an association that depends on n alone, known to every member;
//   max(n, f)     the largest f(i), known to every member; −inf for n = 0; NaNs count as −inf;
//   first(n, f)   the lowest i for which f(i), known to every member; n if there is none;
//   once(f)       one member calls f(); then all see its writes.
// An f that takes its index as `auto` and touches elements by load, store and copy alone may be called for several
// elements at once.
#pragma once

#include <cstdint>

#include "runtime/memory/bf16.hpp"

namespace dsrun {

// Loads an element of a row, whatever its type, as a number of the type to compute in.
template <class T>
DSRUN_HD inline Compute<T> load(const T* row, std::int64_t i) {
  return static_cast<Compute<T>>(row[i]);
}
template <class T>
DSRUN_HD inline void store(T* row, std::int64_t i, Compute<T> value) {
  row[i] = T(value);
}
template <class T>
DSRUN_HD inline void copy(const T* from, T* to, std::int64_t i) {
  to[i] = from[i];
}

}  // namespace dsrun
