// The Team (row/team.hpp) of one CPU thread. It loops over Lanes if the row's arithmetic takes its index as `auto`, and
// over elements, which GCC may vectorise, if it takes an integer. It visits elements from the first to the last.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/backend/cpu/parts/lanes.hpp"
#include "runtime/backend/row/team.hpp"

namespace dsrun {

struct CpuTeam {
  template <class F>
  void each(std::int64_t n, F f) const {
    const std::int64_t whole = in_lanes<F> ? n / width * width : 0;
    if constexpr (in_lanes<F>) {
#pragma GCC unroll 4
      for (std::int64_t i = 0; i < whole; i += width) f(LanesIndex{i});
    }
#pragma GCC ivdep
    for (std::int64_t i = whole; i < n; ++i) f(i);
  }

  template <class F>
  auto sum(std::int64_t n, F f) const {
    using A = decltype(f(std::int64_t{0}));
    A part[num_parts] = {};
    std::int64_t i = 0;
    if constexpr (in_lanes<F>) {
      i = sum_in_lanes(n, f, part);
    } else {
      for (; i + num_parts <= n; i += num_parts) {
#pragma GCC ivdep
        for (int l = 0; l < num_parts; ++l) part[l] += f(i + l);
      }
    }
    for (int l = static_cast<int>(i % num_parts); i < n; ++i, ++l) part[l] += f(i);
    for (int half = num_parts / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) part[l] += part[l + half];
    return part[0];
  }

  template <class F>
  auto max(std::int64_t n, F f) const {
    using A = decltype(f(std::int64_t{0}));
    A part[width], largest = -std::numeric_limits<A>::infinity();
    Lanes<A> lanes(largest);
    std::int64_t i = 0;
    if constexpr (in_lanes<F>)
      for (; i + width <= n; i += width) lanes = larger_of(lanes, f(LanesIndex{i}));
    for (; i < n; ++i) largest = larger_of(largest, f(i));
    store(part, LanesIndex{0}, lanes);
    for (const A value : part) largest = larger_of(largest, value);
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

 private:
  static constexpr std::int64_t width = Lanes<float>::width;
  static constexpr int num_parts = 2 * width;  // of a sum, so that additions overlap

  template <class F>
  static constexpr bool in_lanes = std::is_invocable_v<const F&, LanesIndex>;

  template <class A, class F>
  static std::int64_t sum_in_lanes(std::int64_t n, const F& f, A* part) {
    Lanes<A> low(A(0)), high(A(0));
    std::int64_t i = 0;
    for (; i + num_parts <= n; i += num_parts) {
      low += f(LanesIndex{i});
      high += f(LanesIndex{i + width});
    }
    if (i + width <= n) {
      low += f(LanesIndex{i});
      i += width;
    }
    store(part, LanesIndex{0}, low);
    store(part, LanesIndex{width}, high);
    return i;
  }
};

}  // namespace dsrun
