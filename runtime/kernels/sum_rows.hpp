// The sum of some rows in their order, a block at a time, so that partial sums stay in the first-level cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/kernels/row/team.hpp"

namespace dsrun {

// out = row(0) + row(1) + … + row(count − 1), each a const T* to n elements; no row: zeros. out may be one of them.
template <class T, class Row>
void sum_rows(std::size_t count, const Row& row, T* out, std::int64_t n) {
  using A = Compute<T>;
  if (count == 0) return std::fill_n(out, n, T(A(0))), void();
  if (count == 1) return std::copy_n(row(0), n, out), void();
  if (count == 2)
    return CpuTeam{}.each(n, [=, a = row(0), b = row(1)](std::int64_t i) { store(out, i, load(a, i) + load(b, i)); });
  constexpr std::int64_t block = 512;
  A sum[block];
  for (std::int64_t begin = 0; begin < n; begin += block) {
    const std::int64_t part = std::min(block, n - begin);
    const T *a = row(0) + begin, *b = row(1) + begin, *last = row(count - 1) + begin;
    CpuTeam{}.each(part, [=, s = &sum[0]](std::int64_t i) { s[i] = load(a, i) + load(b, i); });
    for (std::size_t r = 2; r + 1 < count; ++r)
      CpuTeam{}.each(part, [s = &sum[0], c = row(r) + begin](std::int64_t i) { s[i] += load(c, i); });
    CpuTeam{}.each(part, [=, s = &sum[0], o = out + begin](std::int64_t i) { store(o, i, s[i] + load(last, i)); });
  }
}

}  // namespace dsrun
