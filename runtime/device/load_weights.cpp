#include "runtime/device/load_weights.hpp"

#include <algorithm>

#include "runtime/kernels/dispatch_dtype.hpp"

namespace dsrun {
namespace {

void store_values(std::span<const float> values, const TensorView& to) {
  dispatch_dtype(to.dtype, [&]<class T>(T) {
    T* out = to.as<T>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = T(values[i]);
  });
}

// Calls `put` with runs of elements [begin, begin + size) of a parameter, in order: at most a few MiB at a time.
template <class Put>
void read_range(const SafetensorsModel& files, const HuggingFaceTable& table, const std::string& param,
                std::int64_t begin, std::int64_t size, Put put) {
  constexpr std::int64_t most = 1 << 20;
  std::vector<float> values;
  for (const HuggingFaceTensor& part : table.parts_of(param)) {
    const std::int64_t first = std::max(begin, part.begin), last = std::min(begin + size, part.begin + part.size);
    if (first >= last) continue;
    const SafetensorsTensor& tensor = files.get(part.name, part.dims);
    for (std::int64_t at = first; at < last; at += most) {
      values.resize(static_cast<std::size_t>(std::min(most, last - at)));
      files.read_f32(tensor, at - part.begin, values);
      put(at, std::span<const float>(values));
    }
  }
}

}  // namespace

void load_weights(const SafetensorsModel& files, const HuggingFaceTable& table, ParameterStore& store) {
  for (BucketState& state : store.buckets()) {
    const Bucket& bucket = store.layout(state);
    for (const TensorPart& part : bucket.parts)
      read_range(files, table, part.name, part.global_begin, part.size,
                 [&](std::int64_t at, std::span<const float> values) {
                   store_values(values, store.weights_of(state, part.offset + at - part.global_begin, values.size()));
                 });
    if (!store.trains()) continue;
    for (const OwnedRange& owned : owned_ranges(bucket, state.member))
      read_range(files, table, owned.part->name, owned.begin, owned.size,
                 [&](std::int64_t at, std::span<const float> values) {
                   store_values(values, store.master_of(state, owned.offset + at - owned.begin, values.size()));
                 });
  }
}

std::vector<std::vector<float>> load_biases(const SafetensorsModel& files, const HuggingFaceTable& table,
                                            const ModelSpec& model) {
  std::vector<std::vector<float>> biases(static_cast<std::size_t>(model.layers - model.dense_layers),
                                         std::vector<float>(static_cast<std::size_t>(model.experts), 0.0F));
  for (const HuggingFaceTensor& part : table.tensors())
    if (part.moe >= 0 && part.param.empty())
      files.read_f32(files.get(part.name, part.dims), 0, biases[static_cast<std::size_t>(part.moe)]);
  return biases;
}

}  // namespace dsrun
