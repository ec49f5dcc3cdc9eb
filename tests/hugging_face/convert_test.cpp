// Weights to float and back, against the definitions of the formats.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "runtime/state/safetensors/convert.hpp"

namespace dsrun {
namespace {

template <class T>
std::vector<float> to_f32(SafetensorsDtype dtype, const std::vector<T>& values) {
  std::vector<float> out(values.size());
  convert_to_f32(dtype, std::as_bytes(std::span(values)), out);
  return out;
}

template <class T>
std::vector<T> all_patterns() {
  std::vector<T> all(std::size_t{1} << (8 * sizeof(T)));
  std::iota(all.begin(), all.end(), T{0});
  return all;
}

// sign · 2^(exponent − bias) · 1.mantissa, or sign · 2^(1 − bias) · 0.mantissa
double by_definition(unsigned bits, int exponent_bits, int mantissa_bits, int bias) {
  const int exponent = static_cast<int>(bits >> mantissa_bits & ((1U << exponent_bits) - 1));
  const double mantissa = (bits & ((1U << mantissa_bits) - 1)) / std::pow(2, mantissa_bits);
  const double value = exponent == 0 ? std::pow(2, 1 - bias) * mantissa : std::pow(2, exponent - bias) * (1 + mantissa);
  return (bits >> (exponent_bits + mantissa_bits) & 1U) != 0 ? -value : value;
}

template <class T>
void expect_definition(SafetensorsDtype dtype, int exponent_bits, int mantissa_bits, int bias, bool has_infinity) {
  const std::vector<T> patterns = all_patterns<T>();
  const std::vector<float> values = to_f32(dtype, patterns);
  const unsigned ones = (1U << exponent_bits) - 1, all_ones = (1U << (exponent_bits + mantissa_bits)) - 1;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const unsigned bits = patterns[i], magnitude = bits & all_ones;
    const bool top = magnitude >> mantissa_bits == ones;
    if (has_infinity ? top && magnitude != ones << mantissa_bits : magnitude == all_ones) {
      EXPECT_TRUE(std::isnan(values[i])) << bits;
    } else if (has_infinity && top) {
      EXPECT_TRUE(std::isinf(values[i])) << bits;
    } else {
      EXPECT_EQ(values[i], by_definition(bits, exponent_bits, mantissa_bits, bias)) << bits;
    }
    EXPECT_EQ(std::signbit(values[i]), bits > all_ones) << bits;
  }
}

TEST(Convert, every_f16_is_its_definition) { expect_definition<std::uint16_t>(SafetensorsDtype::f16, 5, 10, 15, true); }
TEST(Convert, every_bf16_is_its_definition) {
  expect_definition<std::uint16_t>(SafetensorsDtype::bf16, 8, 7, 127, true);
}
TEST(Convert, every_e4m3_is_its_definition) {
  expect_definition<std::uint8_t>(SafetensorsDtype::f8_e4m3, 4, 3, 7, false);
  EXPECT_EQ(to_f32<std::uint8_t>(SafetensorsDtype::f8_e4m3, {0x7e})[0], 448.0F);
}
TEST(Convert, every_e5m2_is_its_definition) {
  expect_definition<std::uint8_t>(SafetensorsDtype::f8_e5m2, 5, 2, 15, true);
  EXPECT_EQ(to_f32<std::uint8_t>(SafetensorsDtype::f8_e5m2, {0x7b})[0], 57344.0F);
}

TEST(Convert, every_bf16_comes_back_with_its_bits) {
  const std::vector<std::uint16_t> patterns = all_patterns<std::uint16_t>();
  std::vector<Bf16> back(patterns.size());
  round_to_bf16(to_f32(SafetensorsDtype::bf16, patterns), back);
  for (std::size_t i = 0; i < patterns.size(); ++i) EXPECT_EQ(back[i].bits, patterns[i]);
}

TEST(Convert, f32_keeps_its_bits_wherever_it_lies) {
  std::vector<std::uint32_t> bits = {0, 0x80000000U, 0x7f800001U, 0xffffffffU, 1, 0x3f800000U};
  std::vector<std::byte> shifted(1 + 4 * bits.size());
  std::memcpy(shifted.data() + 1, bits.data(), 4 * bits.size());
  std::vector<float> out(bits.size());
  convert_to_f32(SafetensorsDtype::f32, std::span(shifted).subspan(1), out);
  for (std::size_t i = 0; i < bits.size(); ++i) EXPECT_EQ(std::bit_cast<std::uint32_t>(out[i]), bits[i]);
  EXPECT_EQ(to_f32<double>(SafetensorsDtype::f64, {0.1, -1e300})[0], 0.1F);
}

TEST(Convert, rounds_to_the_nearest_bf16_and_ties_to_even) {
  std::mt19937 random(5);
  std::vector<float> values;
  for (int i = 0; i < 20000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    values.push_back(std::bit_cast<float>(bits));
    values.push_back(std::bit_cast<float>((bits & 0xffff0000U) | 0x8000U));  // a tie
  }
  std::vector<Bf16> out(values.size());
  round_to_bf16(values, out);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) {
      EXPECT_TRUE(std::isnan(static_cast<float>(out[i])));
      continue;
    }
    const std::uint32_t raw = std::bit_cast<std::uint32_t>(values[i]), low = raw >> 16, rest = raw & 0xffffU;
    const bool up = rest > 0x8000U || (rest == 0x8000U && low % 2 == 1);
    EXPECT_EQ(out[i].bits, low + (up ? 1 : 0)) << std::hex << raw;
  }
}

TEST(Convert, a_byte_of_a_scale_is_a_power_of_two) {
  const std::array<std::byte, 5> bytes = {std::byte{0}, std::byte{126}, std::byte{127}, std::byte{254}, std::byte{255}};
  for (const SafetensorsDtype dtype : {SafetensorsDtype::f8_e8m0, SafetensorsDtype::u8}) {
    std::array<float, 5> scales{};
    ASSERT_TRUE(converts_to_scales(dtype) && !converts_to_f32(dtype));
    convert_scales(dtype, bytes, scales);
    EXPECT_EQ(scales[0], 0x1p-127F);
    EXPECT_EQ(scales[1], 0.5F);
    EXPECT_EQ(scales[2], 1.0F);
    EXPECT_EQ(scales[3], 0x1p127F);
    EXPECT_TRUE(std::isnan(scales[4]));
  }
  EXPECT_FALSE(converts_to_scales(SafetensorsDtype::f8_e4m3) || converts_to_scales(SafetensorsDtype::i8));
}

// Any range of a weight of odd size meets the scales of its own blocks.
TEST(Convert, multiplies_each_element_by_its_blocks_scale) {
  constexpr std::int64_t rows = 300, cols = 130, scale_rows = 3, scale_cols = 2;
  std::vector<float> scales(scale_rows * scale_cols);
  std::iota(scales.begin(), scales.end(), 2.0F);
  std::mt19937 random(6);
  for (int turn = 0; turn < 200; ++turn) {
    const auto begin = static_cast<std::int64_t>(random() % (rows * cols));
    const auto size = static_cast<std::int64_t>(random() % (rows * cols - begin) + 1);
    std::vector<float> values(size);
    for (std::int64_t i = 0; i < size; ++i) values[i] = static_cast<float>(begin + i);
    apply_block_scales(scales, cols, begin, values);
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t row = (begin + i) / cols, col = (begin + i) % cols;
      ASSERT_EQ(values[i], static_cast<float>(begin + i) * scales[row / 128 * scale_cols + col / 128]);
    }
  }
}

}  // namespace
}  // namespace dsrun
