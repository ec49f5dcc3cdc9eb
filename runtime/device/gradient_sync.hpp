// GradientSync: the end of a training step on one rank, as a state machine that never blocks.
//
// reduce: each copy of a bucket sends to every other copy the gradients of the shard that the other one owns; the owner
// adds them in rank order. Then the coordinator turns the owners' sums of squares into one gradient scale. update:
// AdamW on owned shards. gather: each owner sends its new weights to the other copies. Buckets go in global stage order
// on every rank (S-1).
//
// Gradients and weights are sent as views of the live buffers. That is safe. No rank overwrites gradients before its
// own gather ends, and a gather ends only after every member has reduced. Weights are next written after the next
// reduce.
#pragma once

#include <vector>

#include "runtime/device/device_context.hpp"
#include "runtime/device/inbox/inbox.hpp"

namespace dsrun {

class GradientSync {
 public:
  GradientSync(DeviceContext& context, Inbox& inbox) : context_(context), inbox_(inbox) {}

  void begin_reduce();  // sends the shards; then run_next() sums bucket by bucket
  void begin_update(const UpdateOrder& order);

  enum class Stage : std::uint8_t { idle, reducing, reduced, updating, gathering };
  Stage stage() const { return stage_; }
  // Whether work is left, now or once messages arrive. run_next() needs missing() to be empty.
  bool busy() const { return stage_ == Stage::reducing || stage_ == Stage::updating || stage_ == Stage::gathering; }
  std::vector<Tag> missing() const;
  int next_bucket() const { return buckets()[next_].id; }  // the bucket that run_next() works on
  void run_next();

 private:
  std::vector<BucketState>& buckets() const { return context_.parameters.buckets(); }
  Tag tag(Traffic traffic, int bucket, int source) const;
  void send_shards(Traffic traffic, BucketState& state);
  void sum_shard(BucketState& state);
  void take_weights(BucketState& state);

  DeviceContext& context_;
  Inbox& inbox_;
  Stage stage_ = Stage::idle;
  std::size_t next_ = 0;  // bucket
  UpdateOrder order_;
};

}  // namespace dsrun
