// The scratch memory of a device, as it follows from the plan: what Backend::add_needs says of every call of a step.
#pragma once

#include "cluster/memory/memory_plan.hpp"
#include "cluster/plan.hpp"
#include "runtime/backend/backend.hpp"

namespace dsrun {

// Bytes of workspace that the largest call of a step takes on ranks of a pipeline index. Makes `gemm`, one of the
// backend's, ready for the step's products.
std::int64_t workspace_bytes(const Plan& plan, int pipeline_index, const Backend& backend, Gemm& gemm);

// For plan_memory: workspace and prepared products, on this machine. Throws std::runtime_error if this program has no
// backend for the plan's kind of device.
DeviceMemoryModel device_memory(const Plan& plan);

}  // namespace dsrun
