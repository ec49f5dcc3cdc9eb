// Initial values as a counter-based function of (seed, tensor name, element index): any rank can fill any range.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

// Normal(0, std) values of elements [begin, begin + out.cols) of the named tensor.
void fill_normal(std::uint64_t seed, std::string_view name, std::int64_t begin, double std, const TensorView& out);
void fill_constant(double value, const TensorView& out);

}  // namespace dsrun
