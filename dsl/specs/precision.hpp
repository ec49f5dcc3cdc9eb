// [precision]: the types that arithmetic is done in.
#pragma once

#include <cstdint>

namespace dsrun {

enum class Precision : std::uint8_t { fp64, fp32, bf16 };  // arithmetic of activations and weights
enum class Products : std::uint8_t {
  compute,
  fp8
};  // fp8 has a scale for each 1 × 128 or 128 × 128 elements; it can be planned for, not run

// [precision]
struct PrecisionSpec {
  Precision compute = Precision::fp32;
  Products products = Products::compute;
  Products saved = Products::compute;  // type in which inputs of linears and activations are kept for backward
  bool operator==(const PrecisionSpec&) const = default;
};

}  // namespace dsrun
