#include "runtime/peak.hpp"

#include <algorithm>
#include <barrier>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/device/clock.hpp"
#include "runtime/kernels/gemm.hpp"

namespace dsrun {
namespace {

constexpr std::int64_t size = 1024;
constexpr int num_rounds = 12;

Dtype dtype_for(Precision precision) {
  switch (precision) {
    case Precision::fp64:
      return Dtype::f64;
    case Precision::fp32:
      return Dtype::f32;
    case Precision::bf16:
      return Dtype::bf16;
  }
  return Dtype::f32;
}

// Numbers around one in any dtype: a processor may be faster on zeros than on what it will meet.
std::vector<char> filled(Dtype dtype) {
  std::vector<char> bytes(size * size * dtype_bytes(dtype));
  for (std::int64_t i = 0; i < size * size; ++i) {
    const double wide = 1.0 + static_cast<double>(i % 61) / 64;
    const auto single = static_cast<float>(wide);
    const Bf16 half(single);
    char* at = bytes.data() + i * static_cast<std::int64_t>(dtype_bytes(dtype));
    if (dtype == Dtype::f64) std::memcpy(at, &wide, sizeof wide);
    if (dtype == Dtype::f32) std::memcpy(at, &single, sizeof single);
    if (dtype == Dtype::bf16) std::memcpy(at, &half, sizeof half);
  }
  return bytes;
}

// One thread's part: a warm-up, then a product a round, begun together with the other threads.
void multiply_rounds(Dtype dtype, std::barrier<>& together, double* seconds_of_rounds) {
  Workspace workspace;
  Gemm gemm(workspace);
  std::vector<char> a = filled(dtype), b = filled(dtype), c = filled(dtype);
  const auto view = [&](std::vector<char>& bytes) { return matrix(bytes.data(), dtype, size, size); };
  const auto multiply = [&] { gemm.multiply(view(a), Transpose::no, view(b), Transpose::yes, view(c)); };
  multiply();
  for (int round = 0; round < num_rounds; ++round) {
    together.arrive_and_wait();
    const std::int64_t start_ns = system_clock().thread_cpu_ns();
    multiply();
    seconds_of_rounds[round] = static_cast<double>(system_clock().thread_cpu_ns() - start_ns) * 1e-9;
  }
}

}  // namespace

int num_cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

double measure_gemm_peak(Precision precision, int num_threads_total) {
  const int num_threads = std::max(num_threads_total, 1);
  std::barrier<> together(num_threads);
  std::vector<std::vector<double>> seconds(static_cast<std::size_t>(num_threads), std::vector<double>(num_rounds));
  std::vector<std::jthread> threads;
  for (auto& of_thread : seconds) {
    threads.emplace_back([&] { multiply_rounds(dtype_for(precision), together, of_thread.data()); });
  }
  threads.clear();
  double best = 0;
  for (std::size_t round = 0; round < num_rounds; ++round) {
    double rate = 0;
    for (const auto& of_thread : seconds) rate += 2.0 * size * size * size / of_thread[round];
    best = std::max(best, rate);
  }
  return best;
}

}  // namespace dsrun
