// Code that every launch of a row kernel needs: rows for device code, the block's size, the check for refusals.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "runtime/backend/cuda/block_team.cuh"
#include "runtime/memory/dispatch_dtype.hpp"

namespace dsrun::cuda {

constexpr int threads_per_row = 256;
using RowTeam = BlockTeam<threads_per_row>;

// A TensorView's rows for device code; if `data` is null, each row is null.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;

  __device__ T* at(std::int64_t row) const { return data == nullptr ? nullptr : data + row * stride; }
};

template <class T>
Rows<T> rows_of(const TensorView& view) {
  if (!view) return {nullptr, 0};
  return {view.as<T>(), view.stride};
}

// `launch` starts one block for each row. Without rows nothing is launched, because CUDA refuses empty grids.
template <class Launch>
void launch_rows(const char* op, std::int64_t rows, const Launch& launch) {
  if (rows == 0) return;
  launch(static_cast<unsigned>(rows));
  const cudaError_t refusal = cudaGetLastError();
  if (refusal != cudaSuccess) throw std::runtime_error(std::string(op) + ": " + cudaGetErrorString(refusal));
}

}  // namespace dsrun::cuda
