// The types that a value's elements can have, and their sizes in bytes under a job's precision.
#pragma once

#include <cstdint>

#include "dsl/specs/precision.hpp"

namespace dsrun {

enum class Element : std::uint8_t { compute, wide, index };  // activation type · fp32 (fp64 under fp64) · int32

// Bytes of an element under the job's precision.
constexpr std::int64_t element_bytes(Element element, Precision precision) {
  switch (element) {
    case Element::index:
      return 4;
    case Element::wide:
      return precision == Precision::fp64 ? 8 : 4;
    case Element::compute:
      return precision == Precision::fp64 ? 8 : precision == Precision::fp32 ? 4 : 2;
  }
  return 0;
}

// Bytes of an FP8 element with its share of a scale: 32 bits for each 128 elements of a row (arXiv 2412.19437, section
// 3.3).
inline constexpr double fp8_element_bytes = 1 + 4.0 / 128;

}  // namespace dsrun
