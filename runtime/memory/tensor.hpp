// TensorView: a typed, row-major matrix somewhere in memory; owns nothing. Kernels see only these.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "runtime/memory/bf16.hpp"

namespace dsrun {

enum class Dtype : std::uint8_t { f64, f32, bf16, i32 };

inline constexpr std::size_t dtype_bytes(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return 8;
    case Dtype::f32:
    case Dtype::i32:
      return 4;
    case Dtype::bf16:
      return 2;
  }
  return 0;
}

template <class T>
inline constexpr Dtype dtype_of = Dtype::f32;
template <>
inline constexpr Dtype dtype_of<double> = Dtype::f64;
template <>
inline constexpr Dtype dtype_of<Bf16> = Dtype::bf16;
template <>
inline constexpr Dtype dtype_of<std::int32_t> = Dtype::i32;

struct TensorView {
  void* data = nullptr;  // null: not there (a value that was not kept, a gradient nobody wants)
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  // elements from a row to the next
  Dtype dtype = Dtype::f32;

  explicit operator bool() const { return data != nullptr; }
  std::int64_t size() const { return rows * cols; }
  template <class T>
  T* as() const {
    assert(dtype == dtype_of<T>);
    return static_cast<T*>(data);
  }
  template <class T>
  T* row(std::int64_t index) const {
    return as<T>() + index * stride;
  }
  TensorView rows_from(std::int64_t first, std::int64_t count) const {
    TensorView part = *this;
    part.data = static_cast<char*>(data) + first * stride * static_cast<std::int64_t>(dtype_bytes(dtype));
    part.rows = count;
    return part;
  }
  TensorView columns_from(std::int64_t first, std::int64_t count) const {
    TensorView part = *this;
    part.data = static_cast<char*>(data) + first * static_cast<std::int64_t>(dtype_bytes(dtype));
    part.cols = count;
    return part;
  }
};

inline TensorView matrix(void* data, Dtype dtype, std::int64_t rows, std::int64_t cols) {
  return {data, rows, cols, cols, dtype};
}

}  // namespace dsrun
