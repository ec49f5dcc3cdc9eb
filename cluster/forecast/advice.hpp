// Advice for a job that does not fit: which single change of its file would make it smaller, and by how much.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/memory/memory_plan.hpp"

namespace dsrun {

struct Advice {
  std::string change;     // "memory.recompute = \"full\""
  std::int64_t peak = 0;  // bytes of the fullest rank after the change
  bool fits = false;
};

// Changes that a valid job can make and that help, the most helpful first. `scratch`: the memory that kernels take
// besides; it may be empty. To give another advice, add a row to `changes` in advice.cpp.
std::vector<Advice> advise_on_memory(const Job& job, std::int64_t capacity,
                                     const std::function<DeviceMemoryModel(const Plan&)>& scratch);

// The peak of the fullest rank, in bytes.
std::int64_t largest_peak(const MemoryPlan& memory);

}  // namespace dsrun
