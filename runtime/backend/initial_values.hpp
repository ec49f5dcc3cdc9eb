// InitialValues: a backend's functions for a tensor's values at the start of a run. They depend on seed, tensor name
// and element index alone, so that any rank can fill any range.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

struct InitialValues {
  // Normal(0, std) values of elements [begin, begin + out.cols) of the named tensor.
  void (*fill_normal)(std::uint64_t seed, std::string_view name, std::int64_t begin, double std, const TensorView& out);
  void (*fill_constant)(double value, const TensorView& out);
  // Converts values in the host's memory to the elements of `out`, which has one row.
  void (*store)(std::span<const float> values, const TensorView& out);
};

}  // namespace dsrun
