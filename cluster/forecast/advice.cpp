#include "cluster/forecast/advice.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dsl/device_kind.hpp"
#include "dsl/validate.hpp"

namespace dsrun {
namespace {

// Changes a job, and says how; "" where it makes no sense here.
using JobChange = std::function<std::string(Job&)>;

std::string recompute_some(Job& job) {
  RecomputeSpec& spec = job.memory.recompute;
  if (spec.full || (spec.rms_norm && spec.mla_up && spec.swiglu)) return {};
  spec.rms_norm = spec.mla_up = spec.swiglu = true;
  return "memory.recompute = [\"rms_norm\", \"mla_up\", \"swiglu\"]";
}

std::string recompute_all(Job& job) {
  if (job.memory.recompute.full) return {};
  job.memory.recompute = {};
  job.memory.recompute.full = true;
  return "memory.recompute = \"full\"";
}

std::string save_fp8(Job& job) {
  if (job.precision.saved == Products::fp8 || on_cpu(job.cluster)) return {};
  job.precision.saved = Products::fp8;
  return "precision.saved = \"fp8\"";
}

std::string smaller_microbatches(Job& job) {
  job.batch.microbatches *= 2;
  return fmt::format("batch.microbatches = {}", job.batch.microbatches);
}

std::string more_expert_ranks(Job& job) {
  job.parallel.expert *= 2;
  return fmt::format("parallel.expert = {}", job.parallel.expert);
}

std::string narrow_moments(Job& job) {
  if (job.optimizer.moments == Moments::bf16 || job.precision.compute == Precision::fp64) return {};
  job.optimizer.moments = Moments::bf16;
  return "optimizer.moments = \"bf16\"";
}

std::string longer_pipeline(Job& job) {
  if (job.parallel.data % 2 != 0 || job.parallel.from_file()) return {};
  job.parallel.pipeline *= 2;
  job.parallel.data /= 2;
  job.batch.microbatches *= 2;
  job.parallel.layers_per_stage.clear();
  return fmt::format("parallel.pipeline = {}, parallel.data = {}, batch.microbatches = {}", job.parallel.pipeline,
                     job.parallel.data, job.batch.microbatches);
}

const JobChange changes[] = {recompute_some,    recompute_all,  save_fp8,       smaller_microbatches,
                             more_expert_ranks, narrow_moments, longer_pipeline};

}  // namespace

std::int64_t largest_peak(const MemoryPlan& memory) {
  std::int64_t most = 0;
  for (const RankMemory& rank : memory.by_index) most = std::max(most, rank.peak);
  return most;
}

std::vector<Advice> advise_on_memory(const Job& job, std::int64_t capacity,
                                     const std::function<DeviceMemoryModel(const Plan&)>& scratch) {
  const auto peak_of = [&](const Job& any) {
    const Plan plan = make_plan(any);
    return largest_peak(plan_memory(plan, scratch ? scratch(plan) : DeviceMemoryModel{}));
  };
  const std::int64_t now = peak_of(job);
  std::vector<Advice> advice;
  for (const JobChange& change : changes) {
    Job changed = job;
    const std::string what = change(changed);
    if (what.empty() || !is_valid(changed)) continue;
    const std::int64_t peak = peak_of(changed);
    if (peak < now) advice.push_back({what, peak, peak <= capacity});
  }
  std::sort(advice.begin(), advice.end(), [](const Advice& a, const Advice& b) { return a.peak < b.peak; });
  return advice;
}

}  // namespace dsrun
