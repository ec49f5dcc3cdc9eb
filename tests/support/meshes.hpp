// The meshes × schedules on which N-1 is shown.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

namespace dsrun::test {

struct MeshCase {
  std::string name;
  std::vector<std::string> overrides;
};

inline MeshCase mesh_case(const std::string& schedule, int pipeline, int data, int expert, int microbatches,
                          const std::string& layers = "") {
  MeshCase made;
  made.name = fmt::format("{}_p{}_d{}_e{}_m{}{}", schedule, pipeline, data, expert, microbatches,
                          layers.empty() ? "" : "_uneven");
  made.overrides = {fmt::format("parallel.schedule={}", schedule), fmt::format("parallel.pipeline={}", pipeline),
                    fmt::format("parallel.data={}", data), fmt::format("parallel.expert={}", expert),
                    fmt::format("batch.microbatches={}", microbatches)};
  if (!layers.empty()) made.overrides.push_back("parallel.layers_per_stage=" + layers);
  return made;
}

inline std::vector<MeshCase> mesh_cases() {
  return {mesh_case("1f1b", 1, 1, 1, 4),
          mesh_case("1f1b", 1, 2, 1, 2),
          mesh_case("1f1b", 1, 2, 2, 2),
          mesh_case("1f1b", 1, 4, 2, 1),
          mesh_case("1f1b", 1, 4, 4, 2),
          mesh_case("1f1b", 2, 1, 1, 4),
          mesh_case("1f1b", 2, 2, 2, 4),
          mesh_case("1f1b", 2, 2, 1, 2, "[1,3]"),
          mesh_case("1f1b", 4, 1, 1, 4),
          mesh_case("1f1b", 4, 2, 2, 2),
          mesh_case("dualpipe", 2, 1, 1, 4),
          mesh_case("dualpipe", 2, 2, 1, 4),
          mesh_case("dualpipe", 2, 2, 2, 4),
          mesh_case("dualpipe", 2, 4, 4, 4),
          mesh_case("dualpipe", 2, 2, 2, 8, "[3,1]"),
          mesh_case("dualpipe", 4, 1, 1, 8),
          mesh_case("dualpipe", 4, 2, 2, 8),
          mesh_case("dualpipe", 4, 1, 1, 16)};
}

}  // namespace dsrun::test
