#include "runtime/backend/cpu/functions.hpp"

#include <cmath>
#include <numbers>

#include "runtime/hash.hpp"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun {
namespace {

std::uint64_t hash(std::string_view name) {  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

// Box-Muller: elements 2p and 2p+1 share a radius and an angle.
double normal(std::uint64_t key, std::uint64_t element) {
  const std::uint64_t bits = mix64(key + (element >> 1) * 0x9e3779b97f4a7c15u);
  const float uniform = (static_cast<float>(bits >> 40) + 0.5f) * 0x1p-24f;
  const float angle = static_cast<float>((bits & 0xffffffu)) * 0x1p-24f * 2 * std::numbers::pi_v<float>;
  const float radius = std::sqrt(-2 * std::log(uniform));
  return static_cast<double>(radius * ((element & 1) != 0 ? std::sin(angle) : std::cos(angle)));
}

}  // namespace

void fill_normal(std::uint64_t seed, std::string_view name, std::int64_t begin, double std, const TensorView& out) {
  const std::uint64_t key = mix64(seed ^ mix64(hash(name)));
  dispatch_dtype(out.dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < out.cols; ++i)
      out.as<T>()[i] = T(static_cast<Compute<T>>(std * normal(key, static_cast<std::uint64_t>(begin + i))));
  });
}

void fill_constant(double value, const TensorView& out) {
  dispatch_dtype(out.dtype, [&]<class T>(T) {
    for (std::int64_t i = 0; i < out.cols; ++i) out.as<T>()[i] = T(static_cast<Compute<T>>(value));
  });
}

}  // namespace dsrun
