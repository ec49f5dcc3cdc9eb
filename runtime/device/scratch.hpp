// The scratch memory of a device, computed from the plan: from what Backend::add_needs says about every call of a step.
#pragma once

#include "cluster/memory/memory_plan.hpp"
#include "cluster/plan.hpp"
#include "runtime/backend/backend.hpp"

namespace dsrun {

// Bytes of workspace that the largest call of a step takes on ranks of a pipeline index. Prepares `gemm`, which is the
// backend's, for the step's products.
std::int64_t workspace_bytes(const Plan& plan, int pipeline_index, const Backend& backend, Gemm& gemm);

// The model for plan_memory(): workspace and prepared products, on this machine. Throws std::runtime_error if this
// program has no backend for the plan's kind of device.
DeviceMemoryModel device_memory(const Plan& plan);

}  // namespace dsrun
