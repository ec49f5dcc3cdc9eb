// The meshes × schedules on which N-1 is shown.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

namespace dsrun::test {

inline std::vector<std::string> with(std::vector<std::string> overrides, const std::vector<std::string>& more) {
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

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

// The same with so many nodes of two devices each, all on this machine: rows take two hops between them.
inline MeshCase on_nodes_of_two(MeshCase made, int num_nodes) {
  made.name += "_two_hop";
  for (int node = 0; node < num_nodes; ++node) made.overrides.push_back(fmt::format("cluster.node.{}.devices=2", node));
  return made;
}

// Expert groups of four devices on two nodes, and of eight on four.
inline std::vector<MeshCase> two_hop_cases() {
  return {
      on_nodes_of_two(mesh_case("1f1b", 1, 4, 4, 2), 2),      on_nodes_of_two(mesh_case("1f1b", 2, 4, 4, 4), 4),
      on_nodes_of_two(mesh_case("1f1b", 1, 8, 8, 1), 4),      on_nodes_of_two(mesh_case("zb1p", 2, 4, 4, 4), 4),
      on_nodes_of_two(mesh_case("dualpipev", 1, 4, 4, 4), 2), on_nodes_of_two(mesh_case("dualpipe", 2, 4, 4, 4), 4)};
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

// Every other schedule, on pipelines that they are made for; the model's depth is the schedule's need.
struct ScheduleCase {
  MeshCase mesh;
  int layers;
};

inline ScheduleCase schedule_case(int model_layers, const std::string& schedule, int stages_per_rank, int pipeline,
                                  int data, int expert, int microbatches, const std::string& layers = "") {
  ScheduleCase made{mesh_case(schedule, pipeline, data, expert, microbatches, layers), model_layers};
  made.mesh.name += fmt::format("_s{}_l{}", stages_per_rank, model_layers);
  made.mesh.overrides.push_back(fmt::format("parallel.stages_per_rank={}", stages_per_rank));
  made.mesh.overrides.push_back(fmt::format("model.layers={}", model_layers));
  return made;
}

inline std::vector<ScheduleCase> schedule_cases() {
  return {schedule_case(4, "gpipe", 0, 2, 1, 1, 4),
          schedule_case(4, "gpipe", 0, 2, 2, 2, 4, "[3,1]"),
          schedule_case(4, "gpipe", 1, 4, 2, 1, 2),
          schedule_case(4, "interleaved", 0, 1, 2, 2, 4, "[1,3]"),
          schedule_case(4, "interleaved", 2, 2, 2, 2, 4),
          schedule_case(7, "interleaved", 3, 2, 2, 1, 2, "[1,1,2,1,1,1]"),
          schedule_case(8, "interleaved", 2, 4, 1, 1, 8),
          schedule_case(4, "zb1p", 0, 1, 2, 2, 2),
          schedule_case(4, "zb1p", 0, 2, 2, 1, 8, "[1,3]"),
          schedule_case(4, "zb1p", 0, 4, 1, 1, 2),
          schedule_case(4, "zb1p", 0, 4, 2, 2, 8),
          schedule_case(4, "dualpipev", 0, 1, 2, 2, 4, "[3,1]"),
          schedule_case(4, "dualpipev", 0, 2, 1, 1, 4),
          schedule_case(4, "dualpipev", 2, 2, 2, 2, 8),
          schedule_case(7, "dualpipev", 0, 2, 2, 1, 4, "[1,3,2,1]"),
          schedule_case(8, "dualpipev", 0, 4, 2, 2, 8)};
}

}  // namespace dsrun::test
