// The Team (runtime/backend/row/team.hpp) of CUDA: a thread block works on a row. The association of a sum depends on
// the block's size alone, so that results repeat.
#pragma once

#include <cstdint>
#include <cub/block/block_reduce.cuh>
#include <limits>

namespace dsrun::cuda {

template <int num_threads>
class BlockTeam {
  template <class Value>
  using Reduction = cub::BlockReduce<Value, num_threads>;
  template <class Value>
  struct Slot {
    typename Reduction<Value>::TempStorage scratch;
    Value result;
  };

 public:
  // Lies in shared memory; each block has one.
  union Shared {
    Slot<float> f32;
    Slot<double> f64;
    Slot<std::int64_t> i64;
    __device__ Shared() {}
  };

  __device__ explicit BlockTeam(Shared& shared) : shared_(shared) {}

  template <class F>
  __device__ void each(std::int64_t n, F f) const {
    for (std::int64_t i = threadIdx.x; i < n; i += num_threads) f(i);
    __syncthreads();
  }

  template <class F>
  __device__ auto sum(std::int64_t n, F f) const {
    decltype(f(n)) own = 0;
    for (std::int64_t i = threadIdx.x; i < n; i += num_threads) own += f(i);
    return reduce(own, [](auto a, auto b) { return a + b; });
  }

  template <class F>
  __device__ auto max(std::int64_t n, F f) const {
    using Value = decltype(f(n));
    Value own = -std::numeric_limits<Value>::infinity();
    for (std::int64_t i = threadIdx.x; i < n; i += num_threads) {
      const Value value = f(i);
      own = value > own ? value : own;
    }
    return reduce(own, [](auto a, auto b) { return a > b ? a : b; });
  }

  template <class F>
  __device__ std::int64_t first(std::int64_t n, F f) const {
    std::int64_t own = threadIdx.x;
    while (own < n && !f(own)) own += num_threads;
    return reduce(own < n ? own : n, [](std::int64_t a, std::int64_t b) { return a < b ? a : b; });
  }

  template <class F>
  __device__ void once(F f) const {
    if (threadIdx.x == 0) f();
    __syncthreads();
  }

 private:
  __device__ Slot<float>& slot(float) const { return shared_.f32; }
  __device__ Slot<double>& slot(double) const { return shared_.f64; }
  __device__ Slot<std::int64_t>& slot(std::int64_t) const { return shared_.i64; }

  template <class Value, class Combine>
  __device__ Value reduce(Value own, Combine combine) const {
    Slot<Value>& mine = slot(own);
    const Value of_all = Reduction<Value>(mine.scratch).Reduce(own, combine);
    if (threadIdx.x == 0) mine.result = of_all;
    __syncthreads();
    const Value result = mine.result;
    __syncthreads();  // all have read before the next reduction writes
    return result;
  }

  Shared& shared_;
};

}  // namespace dsrun::cuda
