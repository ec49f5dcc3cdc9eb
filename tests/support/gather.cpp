#include "tests/support/gather.hpp"

namespace dsrun::test {

void gather_owned(DeviceCore& core, Owned what, Tensors& tensors) {
  ParameterStore& store = core.parameters();
  for (const BucketState& state : store.buckets()) {
    const Bucket& bucket = store.layout(state);
    for (const OwnedRange& range : owned_ranges(bucket, state.member)) {
      auto& tensor = tensors[range.part->name];
      tensor.resize(static_cast<std::size_t>(range.part->global_size));
      const bool gradients = what == Owned::gradients;
      const Buffer& source = gradients ? state.gradients : what == Owned::averages ? state.average : state.master;
      const std::int64_t first = range.offset + (gradients ? bucket.shard_size() * state.member : 0);
      for (std::int64_t i = 0; i < range.size; ++i) {
        const auto from = static_cast<std::size_t>(first + i), to = static_cast<std::size_t>(range.begin + i);
        tensor[to] = store.wide() == Dtype::f64 ? reinterpret_cast<const double*>(source.data())[from]
                                                : double{reinterpret_cast<const float*>(source.data())[from]};
      }
    }
  }
}

}  // namespace dsrun::test
