// The scratch memory of a device, told from its plan: what runtime/backend/needs.hpp says of every call of a step.
#pragma once

#include "cluster/memory/memory_plan.hpp"
#include "cluster/plan.hpp"
#include "runtime/backend/cpu/products/gemm.hpp"

namespace dsrun {

// The workspace that the largest call of a step takes on ranks of a pipeline index. Makes `gemm` ready for its
// products.
std::int64_t workspace_bytes(const Plan& plan, int pipeline_index, Gemm& gemm);

// For plan_memory: workspace and prepared products, on this machine.
DeviceMemoryModel device_memory(const Plan& plan);

}  // namespace dsrun
