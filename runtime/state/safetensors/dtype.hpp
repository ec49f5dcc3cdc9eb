// The element types of safetensors files. To add one: its enumerator here and its row in dtype.cpp; if weights may have
// it, its case in convert.cpp too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dsrun {

enum class SafetensorsDtype : std::uint8_t { f64, f32, f16, bf16, f8_e4m3, f8_e5m2, i64, i32, i16, i8, u8, boolean };
inline constexpr std::size_t num_safetensors_dtypes = 12;

std::string_view name_of(SafetensorsDtype dtype);  // "BF16"
std::size_t size_of(SafetensorsDtype dtype);       // bytes of an element: a power of two
std::optional<SafetensorsDtype> find_safetensors_dtype(std::string_view name);

}  // namespace dsrun
