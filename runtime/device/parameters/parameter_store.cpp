#include "runtime/device/parameters/parameter_store.hpp"

#include <algorithm>

#include "runtime/check.hpp"
#include "runtime/device/parameters/element_types.hpp"

namespace dsrun {
namespace {

Dtype moment_type(const Job& job) {
  if (job.precision.compute == Precision::fp64) return Dtype::f64;
  return job.optimizer.moments == Moments::bf16 ? Dtype::bf16 : Dtype::f32;
}

TensorView flat(const Buffer& buffer, Dtype dtype, std::int64_t first, std::int64_t count) {
  return matrix(buffer.data() + first * static_cast<std::int64_t>(dtype_bytes(dtype)), dtype, 1, count);
}

}  // namespace

ParameterStore::ParameterStore(const Plan& plan, int rank, DeviceUse use, const std::shared_ptr<MemoryPool>& pool,
                               const Backend& backend)
    : plan_(plan),
      backend_(backend),
      use_(use),
      weight_dtype_(compute_dtype(plan.job.precision.compute)),
      wide_dtype_(wide_dtype(plan.job.precision.compute)),
      moment_dtype_(moment_type(plan.job)) {
  for (const StageSteps& stage : plan.stages) place_of_.emplace_back(stage.graph.params.size());
  for (int id : plan.layout.buckets_of(rank)) {
    const auto& ranks = at(plan.layout.buckets, id).ranks;
    BucketState state;
    state.id = id;
    state.member = static_cast<int>(std::lower_bound(ranks.begin(), ranks.end(), rank) - ranks.begin());
    allocate(state, pool);
    initialise(state);
    locate(state);
    buckets_.push_back(std::move(state));
  }
}

std::size_t ParameterStore::shard_begin(const Bucket& bucket, int member, Dtype dtype) {
  return static_cast<std::size_t>(member) * shard_bytes(bucket, dtype);
}
std::size_t ParameterStore::shard_bytes(const Bucket& bucket, Dtype dtype) {
  return static_cast<std::size_t>(bucket.shard_size()) * dtype_bytes(dtype);
}

void ParameterStore::allocate(BucketState& state, const std::shared_ptr<MemoryPool>& pool) {
  const Bucket& bucket = layout(state);
  const auto zeros = [&](std::int64_t count, Dtype dtype, MemoryClass memory_class) {
    Buffer buffer = pool->allocate(static_cast<std::size_t>(count) * dtype_bytes(dtype), memory_class);
    backend_.clear(buffer.data(), buffer.size());
    return buffer;
  };
  state.weights = zeros(bucket.size, weight_dtype_, MemoryClass::weights);
  if (!trains()) return;
  state.gradients = zeros(bucket.size, wide_dtype_, MemoryClass::gradients);
  state.master = zeros(bucket.shard_size(), wide_dtype_, MemoryClass::optimizer);
  state.moment1 = zeros(bucket.shard_size(), moment_dtype_, MemoryClass::optimizer);
  state.moment2 = zeros(bucket.shard_size(), moment_dtype_, MemoryClass::optimizer);
  if (plan_.job.optimizer.ema_decay > 0)
    state.average = zeros(bucket.shard_size(), wide_dtype_, MemoryClass::optimizer);
}

void ParameterStore::initialise(BucketState& state) {
  const Bucket& bucket = layout(state);
  const auto fill = [&](const TensorPart& part, std::int64_t begin, const TensorView& out) {
    if (part.init == Init::ones)
      backend_.initial.fill_constant(1.0, out);
    else
      backend_.initial.fill_normal(plan_.job.run.seed, part.name, begin, plan_.job.model.init_std, out);
  };
  for (const TensorPart& part : bucket.parts)
    fill(part, part.global_begin, flat(state.weights, weight_dtype_, part.offset, part.size));
  if (!trains()) return;
  for (const OwnedRange& range : owned_ranges(bucket, state.member))
    fill(*range.part, range.begin, flat(state.master, wide_dtype_, range.offset, range.size));
  if (state.average) backend_.copy(state.average.data(), state.master.data(), state.master.size());
}

void ParameterStore::locate(const BucketState& state) {
  for (const TensorPart& part : layout(state).parts) {
    const ParamUse& first = part.uses[0];
    const Graph& graph = at(plan_.stages, first.stage).graph;
    const std::int64_t cols = at(graph.params, first.param).cols;
    const auto shaped = [&](const Buffer& buffer, Dtype dtype) {
      if (!buffer) return TensorView{};
      return matrix(flat(buffer, dtype, part.offset, part.size).data, dtype, part.size / cols, cols);
    };
    for (const ParamUse& use : part.uses) at(at(place_of_, use.stage), use.param) = places_.size();
    places_.push_back({shaped(state.weights, weight_dtype_), shaped(state.gradients, wide_dtype_), false});
  }
}

TensorView ParameterStore::weights_of(BucketState& state, std::int64_t first, std::size_t count) const {
  return flat(state.weights, weight_dtype_, first, static_cast<std::int64_t>(count));
}
TensorView ParameterStore::master_of(BucketState& state, std::int64_t first, std::size_t count) const {
  return flat(state.master, wide_dtype_, first, static_cast<std::int64_t>(count));
}

ParamGrad ParameterStore::gradient(int stage, int param) {
  Place& place = places_[at(at(place_of_, stage), param)];
  const bool accumulate = place.written;
  place.written = true;
  return {place.gradient, accumulate};
}

void ParameterStore::begin_step() {
  for (Place& place : places_) place.written = false;
}

double ParameterStore::sum_squares(const BucketState& state) const {
  const Bucket& bucket = layout(state);
  double sum = 0;
  for (const OwnedRange& range : owned_ranges(bucket, state.member))
    sum += backend_.optimizer.sum_squares(
        flat(state.gradients, wide_dtype_, bucket.shard_size() * state.member + range.offset, range.size));
  return sum;
}

void ParameterStore::update(BucketState& state, const UpdateOrder& order) {
  const Bucket& bucket = layout(state);
  const OptimizerSpec& spec = plan_.job.optimizer;
  for (const OwnedRange& range : owned_ranges(bucket, state.member)) {
    const AdamwStep step{order.lr,
                         spec.beta1,
                         spec.beta2,
                         spec.eps,
                         spec.decay == Decay::all || range.part->decays ? spec.weight_decay : 0.0,
                         order.gradient_scale,
                         order.step + 1};
    const std::int64_t in_bucket = bucket.shard_size() * state.member + range.offset;
    backend_.optimizer.adamw_update(step, flat(state.master, wide_dtype_, range.offset, range.size),
                                    flat(state.gradients, wide_dtype_, in_bucket, range.size),
                                    flat(state.moment1, moment_dtype_, range.offset, range.size),
                                    flat(state.moment2, moment_dtype_, range.offset, range.size),
                                    flat(state.weights, weight_dtype_, in_bucket, range.size));
    if (state.average)
      backend_.optimizer.average_weights(average_decay(spec.ema_decay, order.step),
                                         flat(state.master, wide_dtype_, range.offset, range.size),
                                         flat(state.average, wide_dtype_, range.offset, range.size));
  }
}

double ParameterStore::average_decay(double decay, std::int64_t step) {
  return std::min(decay, static_cast<double>(step + 1) / static_cast<double>(step + 10));
}

}  // namespace dsrun
