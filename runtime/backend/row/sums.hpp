// Copies, adds and sums rows: for add, embed and rows that move between tokens and experts.
#pragma once

#include "runtime/backend/row/team.hpp"

namespace dsrun {

template <class T, class Team>
DSRUN_HD void copy_row(const Team& team, const T* from, T* to, std::int64_t n) {
  if (from != to) team.each(n, [=](auto i) { copy(from, to, i); });
}

// out = a + b; out may be either.
template <class T, class Team>
DSRUN_HD void add_row(const Team& team, const T* a, const T* b, T* out, std::int64_t n) {
  team.each(n, [=](auto i) { store(out, i, load(a, i) + load(b, i)); });
}

// sums += x.
template <class T, class Team>
DSRUN_HD void accumulate_row(const Team& team, const T* x, Compute<T>* sums, std::int64_t n) {
  team.each(n, [=](auto i) { store(sums, i, load(sums, i) + load(x, i)); });
}

// out = row(0) + row(1) + … + row(count − 1) in that order, cast once. Each row is a const T*, and out may be one of
// the rows. Without rows out is zeros.
template <class T, class Team, class Row>
DSRUN_HD void sum_rows(const Team& team, std::int64_t count, const Row& row, T* out, std::int64_t n) {
  if (count == 0) return team.each(n, [=](auto i) { store(out, i, Compute<T>(0)); });
  if (count == 1) return copy_row<T>(team, row(0), out, n);
  if (count == 2) return add_row<T>(team, row(0), row(1), out, n);
  team.each(n, [&](auto i) {
    auto sum = load(row(0), i) + load(row(1), i);
    for (std::int64_t r = 2; r < count; ++r) sum += load(row(r), i);
    store(out, i, sum);
  });
}

}  // namespace dsrun
