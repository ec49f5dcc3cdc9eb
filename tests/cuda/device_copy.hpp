// A host matrix's copy on the CUDA device: made from a Stored, worked on by a launch, read back into it.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>

#include "tests/kernels/products_support.hpp"

namespace dsrun::test {

inline void must(cudaError_t status) {
  if (status != cudaSuccess) throw std::runtime_error(cudaGetErrorString(status));
}

class DeviceCopy {
 public:
  explicit DeviceCopy(const TensorView& host) : host_(host) {
    must(cudaMalloc(&data_, num_bytes()));
    must(cudaMemcpy(data_, host.data, num_bytes(), cudaMemcpyHostToDevice));
  }
  DeviceCopy(const DeviceCopy&) = delete;
  DeviceCopy& operator=(const DeviceCopy&) = delete;
  ~DeviceCopy() { cudaFree(data_); }

  TensorView view() const {
    TensorView device = host_;
    device.data = data_;
    return device;
  }
  // Waits for the device; what it computed then stands where the copy came from.
  void read_back() const { must(cudaMemcpy(host_.data, data_, num_bytes(), cudaMemcpyDeviceToHost)); }

 private:
  std::size_t num_bytes() const {
    return static_cast<std::size_t>(host_.rows * host_.stride) * dtype_bytes(host_.dtype);
  }

  TensorView host_;
  void* data_ = nullptr;
};

}  // namespace dsrun::test
