#include "runtime/device/device_context.hpp"

#include <utility>

#include "runtime/check.hpp"
#include "runtime/device/scratch.hpp"

namespace dsrun {

DeviceContext::DeviceContext(std::shared_ptr<const Plan> the_plan, int the_rank,
                             std::shared_ptr<const BatchLoader> the_loader, DeviceUse use, const Clock& the_clock,
                             Reach reach, const Backend& the_backend)
    : plan(std::move(the_plan)),
      rank(the_rank),
      loader(std::move(the_loader)),
      clock(the_clock),
      backend(the_backend),
      pool(MemoryPool::make(reach, backend.memory)),
      workspace([pool = pool](std::ptrdiff_t change) { pool->count(MemoryClass::scratch, change); }, backend.memory),
      gemm(backend.make_gemm(workspace, plan->job.cluster.threads_per_device)),
      parameters(*plan, rank, use, pool, backend),
      routes(expert_routes(*plan, rank)) {
  for (const StageSteps& stage : plan->stages) saved.push_back(saved_values(stage));
  const ModelSpec& model = plan->job.model;
  biases_.assign(static_cast<std::size_t>(model.moe_layers()),
                 std::vector<float>(static_cast<std::size_t>(model.experts), 0.0F));
  workspace.reserve(workspace_bytes(*plan, plan->mesh.pipeline_index(rank), backend, *gemm));
}

int DeviceContext::model_moe(int stage, int moe) const {
  return at(at(plan->stages, stage).graph.moe_layers, moe) - plan->job.model.dense_layers;
}

void DeviceContext::set_biases(std::vector<std::vector<float>> biases) {
  const ModelSpec& model = plan->job.model;
  require(std::ssize(biases) >= model.moe_layers(), "each MoE layer has biases");
  for (const std::vector<float>& layer : biases)
    require(std::ssize(layer) == model.experts, "each expert of a layer has a bias");
  biases_ = std::move(biases);
}

Tag DeviceContext::tag(Traffic traffic, int stage) const {
  Tag tag;
  tag.generation = generation;
  tag.round = round.round;
  tag.traffic = traffic;
  tag.stage = stage;
  tag.source = rank;
  return tag;
}

void DeviceContext::send(int destination, const Tag& tag, Buffer payload) {
  if (destination != rank) sent.add(tag.traffic, way_to(destination), static_cast<std::int64_t>(payload.size()));
  outbox.push_back({destination, {tag, std::move(payload)}});
}

}  // namespace dsrun
