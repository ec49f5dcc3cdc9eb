#include "runtime/device/scratch.hpp"

#include <algorithm>

#include "runtime/backend/needs.hpp"
#include "runtime/device/parameters/element_types.hpp"

namespace dsrun {
namespace {

std::int64_t stage_workspace_bytes(const Plan& plan, const StageSteps& stage, Gemm& gemm) {
  const bool has_products = plan.job.precision.compute != Precision::bf16 || bf16_products_supported();
  const Precision precision = has_products ? plan.job.precision.compute : Precision::fp32;  // as a launch would choose
  const Dtype compute = compute_dtype(precision), wide = wide_dtype(precision);
  const auto value = [&](ValueId id) { return stage.graph.values[static_cast<std::size_t>(id)]; };
  std::int64_t most = 0;
  for (const Node& node : stage.graph.nodes) {
    if (node.inputs.empty() || node.outputs.empty()) continue;
    for (const Pass pass : {Pass::forward, Pass::backward_input, Pass::backward_weight}) {
      CallNeeds needs(gemm);
      add_needs(node.op,
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

std::int64_t workspace_bytes(const Plan& plan, int pipeline_index, Gemm& gemm) {
  std::int64_t most = 0;
  for (const Chunk& chunk : plan.program.ranks[static_cast<std::size_t>(pipeline_index)].chunks)
    most = std::max(most, stage_workspace_bytes(plan, plan.stages[static_cast<std::size_t>(chunk.stage)], gemm));
  return most;
}

DeviceMemoryModel device_memory(const Plan& plan) {
  DeviceMemoryModel model;
  for (int p = 0; p < plan.mesh.pipeline; ++p) {
    Workspace workspace;
    Gemm gemm(workspace, plan.job.cluster.threads_per_device);
    model.scratch_bytes.push_back(workspace_bytes(plan, p, gemm) + gemm.bytes_held());
  }
  return model;
}

}  // namespace dsrun
