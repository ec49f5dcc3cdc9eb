#include "runtime/machine/peak.hpp"

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "dsl/device_kind.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/device/meter/clock.hpp"
#include "runtime/machine/control_group.hpp"

namespace dsrun {
namespace {

constexpr std::int64_t size = 1024;
constexpr int num_rounds = 12;
constexpr std::size_t triad_length = std::size_t{4} << 20;  // 32 MiB an array

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
  const std::unique_ptr<Gemm> gemm = backend_for(cpu_kind).make_gemm(workspace, 1);
  std::vector<char> a = filled(dtype), b = filled(dtype), c = filled(dtype);
  const auto view = [&](std::vector<char>& bytes) { return matrix(bytes.data(), dtype, size, size); };
  const auto multiply = [&] { gemm->multiply(view(a), Transpose::no, view(b), Transpose::yes, view(c)); };
  multiply();
  for (int round = 0; round < num_rounds; ++round) {
    together.arrive_and_wait();
    const std::int64_t start_ns = system_clock().thread_cpu_ns();
    multiply();
    seconds_of_rounds[round] = static_cast<double>(system_clock().thread_cpu_ns() - start_ns) * 1e-9;
  }
}

void triad_rounds(std::barrier<>& together, double* seconds_of_rounds) {
  std::vector<double> a(triad_length, 0.0), b(triad_length, 1.0), c(triad_length, 2.0);
  for (int round = 0; round < num_rounds; ++round) {
    together.arrive_and_wait();
    const std::int64_t start_ns = system_clock().thread_cpu_ns();
    const double scale = 1.0 + round;
    for (std::size_t i = 0; i < triad_length; ++i) a[i] = b[i] + scale * c[i];
    seconds_of_rounds[round] = static_cast<double>(system_clock().thread_cpu_ns() - start_ns) * 1e-9;
    c[static_cast<std::size_t>(round)] = a[triad_length - 1];  // so that the loop is not left out
  }
}

// The best of all rounds' sums over threads, each of which counts `amount` a round.
template <class Rounds>
double best_rate(int num_threads, double amount, Rounds rounds) {
  std::barrier<> together(num_threads);
  std::vector<std::vector<double>> seconds(static_cast<std::size_t>(num_threads), std::vector<double>(num_rounds));
  std::vector<std::jthread> threads;
  for (auto& of_thread : seconds) threads.emplace_back([&] { rounds(together, of_thread.data()); });
  threads.clear();
  double best = 0;
  for (std::size_t round = 0; round < num_rounds; ++round) {
    double rate = 0;
    for (const auto& of_thread : seconds) rate += amount / of_thread[round];
    best = std::max(best, rate);
  }
  return best;
}

}  // namespace

const std::vector<int>& usable_cores() {
  static const std::vector<int> cores = [] {
    std::vector<int> numbers;
    cpu_set_t bound;  // of the main thread: others may be pinned
    if (sched_getaffinity(getpid(), sizeof bound, &bound) == 0) {
      for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(static_cast<std::size_t>(core), &bound)) numbers.push_back(core);
    } else {  // a machine of more cores than the set holds
      numbers.resize(std::max(1U, std::thread::hardware_concurrency()));
      std::iota(numbers.begin(), numbers.end(), 0);
    }
    return numbers;
  }();
  return cores;
}

int num_cores() {
  static const int cores = [] {
    const int usable = static_cast<int>(usable_cores().size());
    const double granted = cores_granted_by(group_folders("cpu"));
    return granted > 0 ? std::min(usable, static_cast<int>(std::ceil(granted))) : usable;
  }();
  return cores;
}

double measure_gemm_peak(Precision precision, int num_threads_total) {
  return best_rate(
      std::max(num_threads_total, 1), 2.0 * size * size * size,
      [&](std::barrier<>& together, double* seconds) { multiply_rounds(dtype_for(precision), together, seconds); });
}

double measure_memory_bandwidth(int num_threads_total) {
  return best_rate(std::max(num_threads_total, 1), 3.0 * sizeof(double) * triad_length, triad_rounds);
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(": ") + 2));
  return "unknown";
}

}  // namespace dsrun
