// Converts stored weights to float and back. Every BF16 value survives BF16 → float → BF16, also NaNs with their
// payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/memory/bf16.hpp"
#include "runtime/state/safetensors/dtype.hpp"

namespace dsrun {

inline constexpr std::int64_t fp8_block =
    128;  // rows and columns of a weight that share a scale (arXiv 2412.19437, 3.3)

// Whether weights may have this type; it must be a floating-point type.
bool converts_to_f32(SafetensorsDtype dtype);

// bytes: exactly out.size() elements of the type, aligned or not. F64 rounds to nearest.
void convert_to_f32(SafetensorsDtype dtype, std::span<const std::byte> bytes, std::span<float> out);

// Whether scales of FP8 blocks may have this type. A byte, as F8_E8M0 or U8, is a power of two: 2^(byte − 127).
bool converts_to_scales(SafetensorsDtype dtype);

// As convert_to_f32, of scales.
void convert_scales(SafetensorsDtype dtype, std::span<const std::byte> bytes, std::span<float> out);

// Multiplies elements [begin, begin + values.size()) of a rows × cols weight, read by the function above, by their
// blocks' scales. `scales` has ceil(cols/128) floats for each 128 rows.
void apply_block_scales(std::span<const float> scales, std::int64_t cols, std::int64_t begin, std::span<float> values);

void round_to_bf16(std::span<const float> values, std::span<Bf16> out);  // to nearest even

}  // namespace dsrun
