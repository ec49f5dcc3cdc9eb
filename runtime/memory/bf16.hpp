// bfloat16 as a storage type: converts to and from float, rounding to nearest even; arithmetic happens in float.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define DSRUN_HD __host__ __device__
#else
#define DSRUN_HD
#endif

namespace dsrun {

struct Bf16 {
  std::uint16_t bits = 0;

  Bf16() = default;
  DSRUN_HD explicit Bf16(float value) {
    std::uint32_t raw;
    std::memcpy(&raw, &value, 4);
    const std::uint32_t rounded = (raw + 0x7fffu + ((raw >> 16) & 1u)) >> 16;
    bits = static_cast<std::uint16_t>(value != value ? 0x7fc0u : rounded);  // a NaN must not round to infinity
  }
  DSRUN_HD explicit operator float() const {
    const std::uint32_t raw = static_cast<std::uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &raw, 4);
    return value;
  }
  DSRUN_HD explicit operator double() const { return static_cast<float>(*this); }
};

// The type that rows of T are computed in.
template <class T>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};
template <class T>
using Compute = typename ComputeType<T>::type;

}  // namespace dsrun
