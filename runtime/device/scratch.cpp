#include "runtime/device/scratch.hpp"

#include <algorithm>

#include "dsl/device_kind.hpp"
#include "runtime/check.hpp"
#include "runtime/device/parameters/element_types.hpp"

namespace dsrun {
namespace {

std::int64_t stage_workspace_bytes(const Plan& plan, const StageSteps& stage, const Backend& backend, Gemm& gemm) {
  const bool has_products = backend.computes_in(plan.job.precision.compute);
  const Precision precision = has_products ? plan.job.precision.compute : Precision::fp32;  // as a launch would choose
  const Dtype compute = compute_dtype(precision), wide = wide_dtype(precision);
  const auto value = [&](ValueId id) { return stage.graph.values[static_cast<std::size_t>(id)]; };
  std::int64_t most = 0;
  for (const OpNode& node : stage.graph.nodes) {
    if (node.inputs.empty() || node.outputs.empty()) continue;
    for (const Pass pass : {Pass::forward, Pass::backward_input, Pass::backward_weight}) {
      CallNeeds needs(gemm);
      backend.add_needs(
          node.op,
          {node.attributes, pass, compute, wide, dtype_of_element(value(node.outputs[0]).element, precision),
           plan.tokens_per_microbatch(), plan.job.batch.length, planned_rows(plan), value(node.inputs[0]).cols,
           value(node.outputs[0]).cols, plan.job.balance.sequence_alpha > 0},
          needs);
      most = std::max(most, needs.bytes());
    }
  }
  return most;
}

}  // namespace

std::int64_t workspace_bytes(const Plan& plan, int pipeline_index, const Backend& backend, Gemm& gemm) {
  std::int64_t most = 0;
  for (const Chunk& chunk : at(plan.program.ranks, pipeline_index).chunks)
    most = std::max(most, stage_workspace_bytes(plan, at(plan.stages, chunk.stage), backend, gemm));
  return most;
}

DeviceMemoryModel device_memory(const Plan& plan) {
  const Backend& backend = backend_for(device_kind(plan.job.cluster));
  DeviceMemoryModel model;
  for (int p = 0; p < plan.mesh.pipeline; ++p) {
    Workspace workspace({}, backend.memory);
    const std::unique_ptr<Gemm> gemm = backend.make_gemm(workspace, plan.job.cluster.threads_per_device);
    model.scratch_bytes.push_back(workspace_bytes(plan, p, backend, *gemm) + gemm->bytes_held());
  }
  return model;
}

}  // namespace dsrun
