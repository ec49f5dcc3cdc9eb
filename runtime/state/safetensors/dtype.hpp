// The element types of safetensors files. To add one: its enumerator here and its row in dtype.cpp; if weights may have
// it, its case in convert.cpp too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dsrun {

enum class SafetensorsDtype : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f6_e2m3,
  f6_e3m2,
  f4,
  c64,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};
inline constexpr std::size_t num_safetensors_dtypes = 22;

std::string_view name_of(SafetensorsDtype dtype);  // "BF16"
std::size_t bits_of(SafetensorsDtype dtype);       // of an element
std::size_t size_of(SafetensorsDtype dtype);       // bytes of an element, rounded up: a power of two
std::optional<SafetensorsDtype> find_safetensors_dtype(std::string_view name);

}  // namespace dsrun
