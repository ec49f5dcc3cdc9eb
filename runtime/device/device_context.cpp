#include "runtime/device/device_context.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "models/op_table.hpp"
#include "runtime/device/scratch.hpp"

namespace dsrun {

DeviceContext::DeviceContext(std::shared_ptr<const Plan> the_plan, int the_rank,
                             std::shared_ptr<const BatchLoader> the_loader, DeviceUse use, const Clock& the_clock,
                             Reach reach)
    : plan(std::move(the_plan)),
      rank(the_rank),
      loader(std::move(the_loader)),
      clock(the_clock),
      pool(MemoryPool::make(reach)),
      workspace([pool = pool](std::ptrdiff_t change) { pool->count(MemoryClass::scratch, change); }),
      gemm(workspace, plan->job.cluster.threads_per_device),
      parameters(*plan, rank, use, pool),
      routes(expert_routes(*plan, rank)) {
  for (const StageSteps& stage : plan->stages) saved.push_back(saved_values(stage));
  const ModelSpec& model = plan->job.model;
  biases.assign(static_cast<std::size_t>(model.moe_layers()),
                std::vector<float>(static_cast<std::size_t>(model.experts), 0.0F));
  workspace.reserve(workspace_bytes(*plan, plan->mesh.pipeline_index(rank), gemm));
}

int DeviceContext::model_moe(int stage, int moe) const {
  return plan->stages[static_cast<std::size_t>(stage)].graph.moe_layers[static_cast<std::size_t>(moe)] -
         plan->job.model.dense_layers;
}

Tag DeviceContext::tag(Traffic traffic, int stage) const {
  Tag tag;
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

void Inbox::file(TensorMessage message) {
  const auto [place, is_new] = messages_.insert(std::move(message));
  if (!is_new) throw std::logic_error("message arrived twice: " + to_string(place->tag));
}

Buffer Inbox::take(const Tag& tag) {
  const auto found = messages_.find(tag);
  if (found == messages_.end()) throw std::logic_error("message not here: " + to_string(tag));
  auto node = messages_.extract(found);
  return std::move(node.value().payload);
}

std::string to_string(const Tag& tag) {
  const std::string port = tag.port > 0 ? fmt::format("port {} ", tag.port) : "";
  const std::string from = fmt::format("{}from rank {}", port, tag.source);
  switch (tag.traffic) {
    case Traffic::activation:
      return fmt::format("activations of microbatch {} (direction {}) for stage {} {}", tag.microbatch, tag.direction,
                         tag.stage, from);
    case Traffic::gradient:
      return fmt::format("gradients of microbatch {} (direction {}) for stage {} {}", tag.microbatch, tag.direction,
                         tag.stage, from);
    case Traffic::exchange:
      return fmt::format("expert {} of microbatch {} (direction {}), stage {} op {}{} {}",
                         tag.pass == Pass::forward     ? "rows"
                         : tag.pass == Pass::recompute ? "rows, again,"
                                                       : "gradients",
                         tag.microbatch, tag.direction, tag.stage, tag.node,
                         tag.hop == Hop::first    ? ", to be passed on,"
                         : tag.hop == Hop::second ? ", passed on,"
                                                  : "",
                         from);
    case Traffic::reduce:
      return fmt::format("gradient shard of bucket {} {}", tag.stage, from);
    case Traffic::gather:
      return fmt::format("weight shard of bucket {} {}", tag.stage, from);
  }
  return from;
}

}  // namespace dsrun
