// What tests of recomputation run through: every policy, and every schedule of the table on meshes that it takes.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "runtime/schedule/schedule.hpp"
#include "tests/support/meshes.hpp"

namespace dsrun::test {

struct RecomputeCase {
  std::string name;
  std::string override;
};

inline std::vector<RecomputeCase> recompute_cases() {
  return {{"rms_norm", "memory.recompute=[\"rms_norm\"]"},
          {"mla_up", "memory.recompute=[\"mla_up\"]"},
          {"swiglu", "memory.recompute=[\"swiglu\"]"},
          {"all_three", "memory.recompute=[\"rms_norm\", \"mla_up\", \"swiglu\"]"},
          {"full", "memory.recompute=full"}};
}

// Of each schedule: one rank with an expert group, two ranks with expert groups, four ranks.
inline std::vector<MeshCase> meshes_of_each_schedule() {
  std::vector<MeshCase> meshes;
  for (const ScheduleRow& row : schedules())
    for (const auto& [pipeline, data] : {std::pair{1, 2}, {2, 2}, {4, 1}}) {
      const int microbatches = pipeline == 1 ? 2 : 2 * pipeline;
      if (row.fault(pipeline, microbatches)) continue;
      meshes.push_back(mesh_case(std::string(row.name), pipeline, data, data, microbatches));
    }
  return meshes;
}

}  // namespace dsrun::test
