// ParameterStore: the weights, gradients and optimizer shards that one rank holds, bucket by bucket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cluster/plan.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/device/protocol.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {

struct BucketState {
  int id = 0;        // index into the layout's buckets
  int member = 0;    // this rank's place among the bucket's ranks
  Buffer weights;    // [size] compute type
  Buffer gradients;  // [size] wide
  Buffer master;     // [shard] wide
  Buffer moment1;    // [shard] moment type
  Buffer moment2;
  Buffer average;  // [shard] wide: moving average of the masters; empty unless optimizer.ema_decay asks for it
};

class ParameterStore {
 public:
  // Fills weights and masters with initial values: a function of seed, tensor name and element index alone. With
  // DeviceUse::forward_only the store has no gradients, masters or moments.
  ParameterStore(const Plan& plan, int rank, DeviceUse use, const std::shared_ptr<MemoryPool>& pool,
                 const Backend& backend);

  std::vector<BucketState>& buckets() { return buckets_; }
  const Bucket& layout(const BucketState& state) const {
    return plan_.layout.buckets[static_cast<std::size_t>(state.id)];
  }

  // A parameter's weight, by its index in the stage. The view of an expert parameter has its local experts' rows one
  // below the other.
  TensorView weight(int stage, int param) const { return place(stage, param).weight; }
  // The accumulator of a parameter's gradient; the first call after begin_step() says to overwrite.
  ParamGrad gradient(int stage, int param);
  void begin_step();

  // Views of `count` elements: weights from the bucket's element `first`, masters from the owned shard's element
  // `first`.
  TensorView weights_of(BucketState& state, std::int64_t first, std::size_t count) const;
  TensorView master_of(BucketState& state, std::int64_t first, std::size_t count) const;

  // Byte range of member k's shard in a bucket-sized buffer of this dtype.
  static std::size_t shard_begin(const Bucket& bucket, int member, Dtype dtype);
  static std::size_t shard_bytes(const Bucket& bucket, Dtype dtype);

  // Runs AdamW on the owned shard with its summed gradients. New weights go to the owned part of `weights`.
  void update(BucketState& state, const UpdateOrder& order);
  double sum_squares(const BucketState& state) const;  // of the owned shard's summed gradients

  // The average's decay at a step, counted from 0. It is smaller at first, so that the average soon forgets initial
  // values.
  static double average_decay(double decay, std::int64_t step);

  const Backend& backend() const { return backend_; }
  bool trains() const { return use_ == DeviceUse::training; }
  Dtype weight_dtype() const { return weight_dtype_; }
  Dtype wide() const { return wide_dtype_; }
  Dtype moment_dtype() const { return moment_dtype_; }

 private:
  struct Place {
    TensorView weight;
    TensorView gradient;
    bool written = false;  // this step
  };
  const Place& place(int stage, int param) const {
    return places_[place_of_[static_cast<std::size_t>(stage)][static_cast<std::size_t>(param)]];
  }
  void allocate(BucketState& state, const std::shared_ptr<MemoryPool>& pool);
  void initialise(BucketState& state);
  void locate(const BucketState& state);

  const Plan& plan_;
  const Backend& backend_;
  DeviceUse use_;
  Dtype weight_dtype_, wide_dtype_, moment_dtype_;
  std::vector<BucketState> buckets_;
  std::vector<Place> places_;  // one for each tensor that is here, whatever stages of this rank read it
  std::vector<std::vector<std::size_t>> place_of_;  // [stage][param]
};

}  // namespace dsrun
