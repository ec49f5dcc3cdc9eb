#include "cluster/plan.hpp"

#include <stdexcept>

#include "cluster/layout/stage_balance.hpp"
#include "dsl/job_schedule.hpp"
#include "dsl/two_hop.hpp"
#include "models/costs.hpp"

namespace dsrun {
namespace {

std::vector<StageRange> stage_ranges(const Job& job) {
  std::vector<StageRange> ranges;
  int first = 0;
  for (int layers : job.parallel.layers_per_stage) {
    ranges.push_back({first, first + layers});
    first += layers;
  }
  ranges.back().last_layer += job.model.mtp_depth;
  return ranges;
}

}  // namespace

int Plan::stage_rank(int rank, int stage, int direction) const {
  for (int p = 0; p < mesh.pipeline; ++p)
    for (const Chunk& chunk : program.ranks[static_cast<std::size_t>(p)].chunks)
      if (chunk == Chunk{stage, direction}) return mesh.rank(p, mesh.data_index(rank));
  throw std::logic_error("no rank holds the stage");
}

Plan make_plan(const Job& described) {
  const Job job = with_stages(described);
  Plan plan{job,
            Mesh(job.parallel),
            build_program(job.parallel, job.batch.microbatches),
            stage_ranges(job),
            {},
            {},
            0,
            Placement(job.cluster),
            takes_two_hops(job)};
  const Graph model = build_graph(job.model);
  plan.parameters = parameter_count(model);
  std::vector<Graph> graphs;
  for (const StageRange& range : plan.ranges) graphs.push_back(slice_graph(model, range.first_layer, range.last_layer));
  plan.layout = lay_out_state(plan.mesh, plan.program, graphs);
  for (Graph& graph : graphs) plan.stages.push_back(derive_steps(std::move(graph), job.memory.recompute, plan.two_hop));
  return plan;
}

}  // namespace dsrun
