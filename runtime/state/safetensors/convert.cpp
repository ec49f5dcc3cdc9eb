#include "runtime/state/safetensors/convert.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

namespace dsrun {
namespace {

template <class T>
T load(std::span<const std::byte> bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t magnitude = half & 0x7fffU;
  if (magnitude >= 0x7c00U) return from_bits(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
  if (magnitude >= 0x400U) return from_bits(sign | ((magnitude << 13) + (112U << 23)));  // exponent bias 15 → 127
  const float small = std::ldexp(static_cast<float>(magnitude), -24);
  return sign != 0 ? -small : small;
}

// E4M3 as machine learning has it (arXiv 2209.05433): no infinities, NaN only where all bits but the sign are set.
float e4m3_to_f32(std::uint8_t bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  float value = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                              : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  if ((bits & 0x7f) == 0x7f) value = std::numeric_limits<float>::quiet_NaN();
  return (bits & 0x80) != 0 ? -value : value;
}

using ByteTable = std::array<float, 256>;

const ByteTable& e4m3_table() {
  static const ByteTable table = [] {
    ByteTable made;
    for (int i = 0; i < 256; ++i) made[i] = e4m3_to_f32(static_cast<std::uint8_t>(i));
    return made;
  }();
  return table;
}

// E5M2 is the upper byte of an F16.
const ByteTable& e5m2_table() {
  static const ByteTable table = [] {
    ByteTable made;
    for (int i = 0; i < 256; ++i) made[i] = f16_to_f32(static_cast<std::uint16_t>(i << 8));
    return made;
  }();
  return table;
}

// E8M0 is the exponent of a power of two, and NaN where all bits are set.
const ByteTable& e8m0_table() {
  static const ByteTable table = [] {
    ByteTable made;
    for (int i = 0; i < 255; ++i) made[i] = std::ldexp(1.0F, i - 127);
    made[255] = std::numeric_limits<float>::quiet_NaN();
    return made;
  }();
  return table;
}

void look_up(const ByteTable& table, std::span<const std::byte> bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = table[static_cast<std::uint8_t>(bytes[i])];
}

}  // namespace

bool converts_to_f32(SafetensorsDtype dtype) {
  return dtype == SafetensorsDtype::f64 || dtype == SafetensorsDtype::f32 || dtype == SafetensorsDtype::f16 ||
         dtype == SafetensorsDtype::bf16 || dtype == SafetensorsDtype::f8_e4m3 || dtype == SafetensorsDtype::f8_e5m2;
}

void convert_to_f32(SafetensorsDtype dtype, std::span<const std::byte> bytes, std::span<float> out) {
  assert(converts_to_f32(dtype) && bytes.size() == out.size() * size_of(dtype));
  switch (dtype) {
    case SafetensorsDtype::f64:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(load<double>(bytes, i));
      break;
    case SafetensorsDtype::f32:
      if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
      break;
    case SafetensorsDtype::f16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = f16_to_f32(load<std::uint16_t>(bytes, i));
      break;
    case SafetensorsDtype::bf16:
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = from_bits(static_cast<std::uint32_t>(load<std::uint16_t>(bytes, i)) << 16);
      break;
    case SafetensorsDtype::f8_e4m3:
      look_up(e4m3_table(), bytes, out);
      break;
    case SafetensorsDtype::f8_e5m2:
      look_up(e5m2_table(), bytes, out);
      break;
    default:
      break;  // refused by the assertion above
  }
}

bool converts_to_scales(SafetensorsDtype dtype) {
  return dtype == SafetensorsDtype::f8_e8m0 || dtype == SafetensorsDtype::u8 ||
         (converts_to_f32(dtype) && size_of(dtype) > 1);
}

void convert_scales(SafetensorsDtype dtype, std::span<const std::byte> bytes, std::span<float> out) {
  assert(converts_to_scales(dtype));
  if (size_of(dtype) > 1) return convert_to_f32(dtype, bytes, out);
  look_up(e8m0_table(), bytes, out);
}

void apply_block_scales(std::span<const float> scales, std::int64_t cols, std::int64_t begin, std::span<float> values) {
  const std::int64_t scales_a_row = (cols + fp8_block - 1) / fp8_block;
  const auto size = static_cast<std::int64_t>(values.size());
  for (std::int64_t i = 0; i < size;) {
    const std::int64_t row = (begin + i) / cols, col = (begin + i) % cols;
    const std::int64_t block_end = std::min((col / fp8_block + 1) * fp8_block, cols);
    const float scale = scales[static_cast<std::size_t>(row / fp8_block * scales_a_row + col / fp8_block)];
    for (const std::int64_t end = std::min(size, i + block_end - col); i < end; ++i) values[i] *= scale;
  }
}

void round_to_bf16(std::span<const float> values, std::span<Bf16> out) {
  assert(values.size() == out.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t raw;
    std::memcpy(&raw, &values[i], sizeof raw);
    const std::uint32_t rounded = (raw + 0x7fffU + (raw >> 16 & 1U)) >> 16;
    // A NaN keeps what fits of its payload, and stays a NaN where nothing does.
    const std::uint32_t nan = raw >> 16 | ((raw >> 16 & 0x7fU) == 0 ? 0x40U : 0U);
    out[i].bits = static_cast<std::uint16_t>((raw & 0x7fffffffU) > 0x7f800000U ? nan : rounded);
  }
}

}  // namespace dsrun
