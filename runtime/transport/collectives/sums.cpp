#include "runtime/transport/collectives/sums.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#include "runtime/memory/bf16.hpp"

namespace dsrun {
namespace {

// As Bf16's conversions, in a form that compilers turn into vectors.
float widened(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
std::uint16_t narrowed(float value) {
  const auto raw = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (raw + 0x7fffu + ((raw >> 16) & 1u)) >> 16;
  const std::uint32_t is_nan = (raw & 0x7fffffffu) > 0x7f800000u;
  return static_cast<std::uint16_t>(is_nan ? 0x7fc0u : rounded);
}
template <class T>
T widened(T value) {
  return value;
}

template <class Stored, class Sum>
Stored stored(Sum value) {
  if constexpr (std::is_same_v<Stored, std::uint16_t>)
    return narrowed(value);
  else
    return value;
}

template <class Stored>
void sum_two(const std::byte* first, const std::byte* second, std::byte* to, std::size_t count) {
  const auto* a = reinterpret_cast<const Stored*>(first);
  const auto* b = reinterpret_cast<const Stored*>(second);
  auto* c = reinterpret_cast<Stored*>(to);
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) c[i] = stored<Stored>(widened(a[i]) + widened(b[i]));
}

template <class Stored, class Sum>
void sum_all(std::span<const std::byte* const> sources, std::byte* to, std::size_t count) {
  if (sources.size() == 2) return sum_two<Stored>(sources[0], sources[1], to, count);
  std::array<Sum, 1024> sums;
  for (std::size_t begin = 0; begin < count; begin += sums.size()) {
    const std::size_t length = std::min(sums.size(), count - begin);
    const auto* first = reinterpret_cast<const Stored*>(sources[0]) + begin;
    for (std::size_t i = 0; i < length; ++i) sums[i] = widened(first[i]);
    for (std::size_t s = 1; s < sources.size(); ++s) {
      const auto* source = reinterpret_cast<const Stored*>(sources[s]) + begin;
      for (std::size_t i = 0; i < length; ++i) sums[i] += widened(source[i]);
    }
    auto* end = reinterpret_cast<Stored*>(to) + begin;
    for (std::size_t i = 0; i < length; ++i) end[i] = stored<Stored>(sums[i]);
  }
}

}  // namespace

void sum_sources(Dtype dtype, std::span<const std::byte* const> sources, std::byte* to, std::size_t num_bytes) {
  assert(!sources.empty() && dtype != Dtype::i32);
  switch (dtype) {
    case Dtype::f32:
      return sum_all<float, float>(sources, to, num_bytes / sizeof(float));
    case Dtype::f64:
      return sum_all<double, double>(sources, to, num_bytes / sizeof(double));
    case Dtype::bf16:
      return sum_all<std::uint16_t, float>(sources, to, num_bytes / sizeof(std::uint16_t));
    case Dtype::i32:
      return;
  }
}

}  // namespace dsrun
