#include "cluster/plan.hpp"

#include <stdexcept>

#include "models/costs.hpp"
#include "runtime/schedule/checker.hpp"
#include "runtime/schedule/schedule.hpp"

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

Program checked_program(const Job& job) {
  const ScheduleRow* row = find_schedule(job.parallel.schedule);
  if (row == nullptr) throw std::logic_error("unknown schedule " + job.parallel.schedule);
  Program program = row->build({job.parallel.pipeline, job.batch.microbatches});
  const auto faults = check_program(program);
  if (!faults.empty()) throw std::logic_error("schedule " + program.schedule + ": " + faults[0].message);
  return program;
}

}  // namespace

int Plan::stage_rank(int rank, int stage, int direction) const {
  for (int p = 0; p < mesh.pipeline; ++p)
    for (const Chunk& chunk : program.ranks[static_cast<std::size_t>(p)].chunks)
      if (chunk == Chunk{stage, direction}) return mesh.rank(p, mesh.data_index(rank));
  throw std::logic_error("no rank holds the stage");
}

std::int64_t element_bytes(Element element, Precision precision) {
  switch (element) {
    case Element::index:
      return 4;
    case Element::wide:
      return precision == Precision::fp64 ? 8 : 4;
    case Element::compute:
      return precision == Precision::fp64 ? 8 : precision == Precision::fp32 ? 4 : 2;
  }
  return 0;
}

Plan make_plan(const Job& job) {
  Plan plan{job, Mesh(job.parallel), checked_program(job), stage_ranges(job), {}, {}, 0};
  const Graph model = build_graph(job.model);
  plan.parameters = parameter_count(model);
  std::vector<Graph> graphs;
  for (const StageRange& range : plan.ranges) graphs.push_back(slice_graph(model, range.first_layer, range.last_layer));
  plan.layout = lay_out_state(plan.mesh, plan.program, graphs);
  for (Graph& graph : graphs) plan.stages.push_back(derive_steps(std::move(graph)));
  return plan;
}

}  // namespace dsrun
