// Plan: where everything of a job runs and lies. It is a pure function of the Job; planner, executor and console read
// it.
#pragma once

#include <vector>

#include "cluster/layout/mesh.hpp"
#include "cluster/layout/state_layout.hpp"
#include "dsl/job.hpp"
#include "dsl/placement.hpp"
#include "models/passes/steps.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

struct StageRange {
  int first_layer;
  int last_layer;  // one past; prediction modules are the last stage's last layers
};

struct Plan {
  Job job;  // with the stages' layers filled in
  Mesh mesh;
  Program program;                 // one training step
  std::vector<StageRange> ranges;  // by stage
  std::vector<StageSteps> stages;
  StateLayout layout;
  std::int64_t parameters = 0;
  Placement placement;
  bool two_hop = false;  // rows of experts take two hops between nodes (cluster/layout/expert_routes.hpp)

  const Chunk& chunk(int rank, int phase) const {
    return program.ranks[static_cast<std::size_t>(mesh.pipeline_index(rank))].chunks[static_cast<std::size_t>(phase)];
  }
  int num_phases(int rank) const {
    return static_cast<int>(program.ranks[static_cast<std::size_t>(mesh.pipeline_index(rank))].chunks.size());
  }
  // The rank with the same data index that holds `stage` of `direction`.
  int stage_rank(int rank, int stage, int direction) const;
  std::int64_t tokens_per_microbatch() const {
    return static_cast<std::int64_t>(job.batch.microbatch_sequences(mesh.data)) * job.batch.length;
  }
};

// Bytes that a list of `kind` of `stage` sends to a neighbour stage for one microbatch: of each message, by slot, and
// of all messages together. A forward list without a backward pass sends what the forward list does.
std::vector<std::int64_t> port_bytes(const Plan& plan, int stage, Kind kind);
std::int64_t boundary_bytes(const Plan& plan, int stage, Kind kind);

// Precondition: a validated job. Throws std::logic_error if the schedule's Program fails its checker (S-1).
Plan make_plan(const Job& described);
Plan make_plan(const Job& described, const Graph& model);  // with this graph instead of the one of the job's model

}  // namespace dsrun
