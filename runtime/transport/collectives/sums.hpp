// Sums of several ranks' values, element by element, for collectives.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

// to[i] = ((x0[i] + x1[i]) + x2[i]) + …, where `sources` are x0, x1, …. bf16 is added in f32 and rounded once. `to` may
// be one of the sources; else it overlaps none. dtype is f32, f64 or bf16; all arrays are aligned to their elements.
void sum_sources(Dtype dtype, std::span<const std::byte* const> sources, std::byte* to, std::size_t num_bytes);

}  // namespace dsrun
