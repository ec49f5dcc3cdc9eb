#include "cluster/plan.hpp"

#include <cassert>
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

std::vector<std::int64_t> port_bytes(const Plan& plan, int stage, Kind kind) {
  const StageSteps& steps = plan.stages[static_cast<std::size_t>(stage)];
  std::vector<std::int64_t> bytes;
  if (kind == Kind::weight) return bytes;
  for (const Departure& port : (kind == Kind::forward ? steps.forward_ports : steps.backward_ports).leave) {
    bytes.push_back(0);
    if (port.value == no_value) continue;
    const Value& value = steps.values[static_cast<std::size_t>(port.value)];
    assert(value.rows == Rows::tokens);  // routed rows stay inside a stage
    bytes.back() = plan.tokens_per_microbatch() * value.cols * element_bytes(value.element, plan.job.precision.compute);
  }
  return bytes;
}

std::int64_t boundary_bytes(const Plan& plan, int stage, Kind kind) {
  std::int64_t sum = 0;
  for (const std::int64_t bytes : port_bytes(plan, stage, kind)) sum += bytes;
  return sum;
}

Plan make_plan(const Job& described) { return make_plan(described, build_graph(described.model)); }

Plan make_plan(const Job& described, const Graph& model) {
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
  plan.parameters = parameter_count(model);
  std::vector<Graph> graphs;
  for (const StageRange& range : plan.ranges) graphs.push_back(slice_graph(model, range.first_layer, range.last_layer));
  plan.layout = lay_out_state(plan.mesh, plan.program, graphs);
  for (Graph& graph : graphs) plan.stages.push_back(derive_steps(std::move(graph), job.memory.recompute, plan.two_hop));
  return plan;
}

}  // namespace dsrun
