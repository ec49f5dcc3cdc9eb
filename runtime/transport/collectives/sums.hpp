// Sums of several ranks' values, element by element: what collectives do with what arrives.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/memory/tensor.hpp"

namespace dsrun {

// to[i] = ((x0[i] + x1[i]) + x2[i]) + …, `sources` being x0, x1 …; bf16 in f32, rounded once. `to` may be one of them,
// else it overlaps none. dtype is f32, f64 or bf16; all are aligned to their elements.
void sum_sources(Dtype dtype, std::span<const std::byte* const> sources, std::byte* to, std::size_t num_bytes);

}  // namespace dsrun
