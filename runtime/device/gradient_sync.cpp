#include "runtime/device/gradient_sync.hpp"

namespace dsrun {

Tag GradientSync::tag(Traffic traffic, int bucket, int source) const {
  Tag tag = context_.tag(traffic, bucket);
  tag.source = source;
  return tag;
}

void GradientSync::begin_reduce() {
  for (BucketState& state : buckets()) send_shards(Traffic::reduce, state);
  stage_ = Stage::reducing;
  next_ = 0;
}

void GradientSync::begin_update(const UpdateOrder& order) {
  order_ = order;
  stage_ = Stage::updating;
  next_ = 0;
}

// reduce: member k's part of the gradients goes to k. gather: the owned part of the weights goes to all others.
void GradientSync::send_shards(Traffic traffic, BucketState& state) {
  const Bucket& bucket = context_.parameters.layout(state);
  const bool reduce = traffic == Traffic::reduce;
  const Buffer& whole = reduce ? state.gradients : state.weights;
  const Dtype dtype = reduce ? context_.parameters.wide() : context_.parameters.weight_dtype();
  for (std::size_t member = 0; member < bucket.ranks.size(); ++member) {
    if (static_cast<int>(member) == state.member) continue;
    const int shard = reduce ? static_cast<int>(member) : state.member;
    context_.send(
        bucket.ranks[member], context_.tag(traffic, state.id),
        whole.part(ParameterStore::shard_begin(bucket, shard, dtype), ParameterStore::shard_bytes(bucket, dtype)));
  }
}

std::vector<Tag> GradientSync::missing() const {
  std::vector<Tag> tags;
  if (stage_ != Stage::reducing && stage_ != Stage::gathering) return tags;
  const BucketState& state = buckets()[next_];
  const Traffic traffic = stage_ == Stage::reducing ? Traffic::reduce : Traffic::all_gather;
  for (int source : context_.parameters.layout(state).ranks) {
    const Tag wanted = tag(traffic, state.id, source);
    if (source != context_.rank && !inbox_.has(wanted)) tags.push_back(wanted);
  }
  return tags;
}

void GradientSync::run_next() {
  BucketState& state = buckets()[next_];
  if (stage_ == Stage::reducing) {
    sum_shard(state);
  } else if (stage_ == Stage::updating) {
    context_.parameters.update(state, order_);
    send_shards(Traffic::all_gather, state);
  } else {
    take_weights(state);
  }
  if (++next_ < buckets().size()) return;
  next_ = 0;
  stage_ = stage_ == Stage::reducing ? Stage::reduced : stage_ == Stage::updating ? Stage::gathering : Stage::idle;
}

void GradientSync::sum_shard(BucketState& state) {
  const Bucket& bucket = context_.parameters.layout(state);
  const Dtype wide = context_.parameters.wide();
  char* own = state.gradients.data() + ParameterStore::shard_begin(bucket, state.member, wide);
  const TensorView sum = matrix(own, wide, 1, bucket.shard_size());
  std::vector<Buffer> received;
  std::vector<TensorView> slices;
  for (int source : bucket.ranks) {
    if (source == context_.rank) {
      slices.push_back(sum);
      continue;
    }
    received.push_back(inbox_.take(tag(Traffic::reduce, state.id, source)));
    slices.push_back(matrix(received.back().data(), wide, 1, bucket.shard_size()));
  }
  if (slices.size() > 1) context_.backend.optimizer.sum_slices(slices, sum);
  context_.result.sum_squares += context_.parameters.sum_squares(state);
}

void GradientSync::take_weights(BucketState& state) {
  const Bucket& bucket = context_.parameters.layout(state);
  const Dtype dtype = context_.parameters.weight_dtype();
  for (std::size_t member = 0; member < bucket.ranks.size(); ++member) {
    if (static_cast<int>(member) == state.member) continue;
    const Buffer shard = inbox_.take(tag(Traffic::all_gather, state.id, bucket.ranks[member]));
    context_.backend.copy(state.weights.data() + ParameterStore::shard_begin(bucket, static_cast<int>(member), dtype),
                          shard.data(), ParameterStore::shard_bytes(bucket, dtype));
  }
}

}  // namespace dsrun
