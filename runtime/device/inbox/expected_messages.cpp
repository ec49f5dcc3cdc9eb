#include "runtime/device/inbox/expected_messages.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/check.hpp"
#include "runtime/device/exchange/exchange_layout.hpp"
#include "runtime/device/exchange/routing_blocks.hpp"
#include "runtime/device/parameters/element_types.hpp"

namespace dsrun {
namespace {

ByteRange exactly(std::int64_t num_bytes) { return {num_bytes, num_bytes}; }

bool is_copy(const Bucket& bucket, int rank) {
  return std::binary_search(bucket.ranks.begin(), bucket.ranks.end(), rank);
}

}  // namespace

ExpectedMessages::ExpectedMessages(const Plan& plan, int rank, const ExpertRoutes& routes)
    : plan_(plan), rank_(rank), routes_(routes) {
  for (const Chunk& chunk : at(plan.program.ranks, plan.mesh.pipeline_index(rank)).chunks) {
    const StageSteps& stage = at(plan.stages, chunk.stage);
    for (const StepList* list :
         {&stage.forward, &stage.backward, &stage.backward_input, &stage.backward_weight, &stage.forward_only})
      for (const OpStep& step : *list)
        if (step.part == Part::finish) transfers_.insert({chunk.stage, step.node, step.pass});
  }
}

void ExpectedMessages::refuse(const Tag& tag, const std::string& fault) const { throw MessageError(plan_, tag, fault); }

void ExpectedMessages::check(const Tag& tag, std::int64_t num_bytes) const {
  const ByteRange expected = bytes(tag);
  if (!expected.contains(num_bytes)) throw MessageError(plan_, tag, expected, num_bytes);
}

ByteRange ExpectedMessages::bytes(const Tag& tag) const {
  switch (tag.traffic) {
    case Traffic::activation:
    case Traffic::gradient:
      return bytes_between_stages(tag);
    case Traffic::exchange:
      return bytes_of_exchange(tag);
    case Traffic::reduce:
    case Traffic::all_gather:
      return bytes_of_shard(tag);
  }
  refuse(tag, "no such kind of message");
}

void ExpectedMessages::check_microbatch(const Tag& tag) const {
  const auto& chunks = at(plan_.program.ranks, plan_.mesh.pipeline_index(rank_)).chunks;
  if (std::find(chunks.begin(), chunks.end(), Chunk{tag.stage, tag.direction}) == chunks.end())
    refuse(tag, fmt::format("rank {} does not have this stage in this direction", rank_));
  if (tag.microbatch < 0 || tag.microbatch >= plan_.program.microbatches_per_direction())
    refuse(tag, fmt::format("a step has {} microbatches in a direction", plan_.program.microbatches_per_direction()));
}

ByteRange ExpectedMessages::bytes_between_stages(const Tag& tag) const {
  check_microbatch(tag);
  const bool forward = tag.traffic == Traffic::activation;
  const StageSteps& stage = at(plan_.stages, tag.stage);
  if (forward ? stage.graph.embeds() : stage.graph.has_loss())
    refuse(tag, forward ? "the first stage gets no activations" : "the last stage gets no gradients");
  const int sender = plan_.stage_rank(rank_, tag.stage + (forward ? -1 : 1), tag.direction);
  if (tag.source != sender) refuse(tag, fmt::format("rank {} sends them", sender));
  const std::vector<ValueId>& ports = forward ? stage.graph.ports_in : stage.output_gradients;
  if (tag.port >= ports.size() || ports[tag.port] == no_value) refuse(tag, "the stage has no such port");
  if (tag.node != 0 || tag.pass != Pass::forward || tag.hop != Hop::direct)
    refuse(tag, "what crosses between stages names no op");
  const Value& value = at(stage.values, ports[tag.port]);
  return exactly(plan_.tokens_per_microbatch() * value.cols *
                 element_bytes(value.element, plan_.job.precision.compute));
}

std::int64_t ExpectedMessages::num_origins(const Tag& tag, bool to_experts) const {
  if (tag.hop != (to_experts ? Hop::second : Hop::first)) return 1;
  return std::ssize(routes_.counterparts);
}

ByteRange ExpectedMessages::bytes_of_exchange(const Tag& tag) const {
  check_microbatch(tag);
  if (tag.port != 0) refuse(tag, "ports are for what crosses between stages");
  if (!transfers_.contains({tag.stage, tag.node, tag.pass})) refuse(tag, "no step waits for rows of this op and pass");
  const Graph& graph = at(plan_.stages, tag.stage).graph;
  OpStep step;
  step.node = tag.node;
  step.pass = tag.pass;
  const Movement moves = movement(graph, step);
  const bool to_experts = goes_to_experts(moves);
  const Peer peer{tag.source - plan_.mesh.expert_member(rank_, 0), tag.hop};
  const std::vector<Peer>& peers = routes_.awaited(to_experts, tag.hop == Hop::first ? Part::relay : Part::finish);
  if (std::find(peers.begin(), peers.end(), peer) == peers.end())
    refuse(tag, fmt::format("no rows come to rank {} from there on this way", rank_));
  const std::int64_t tokens = plan_.tokens_per_microbatch(), origins = num_origins(tag, to_experts);
  const RowCount most = RowCount{tokens, tokens * plan_.job.model.experts_per_token} * origins;
  if (moves == Movement::announce) return {routing_bytes(origins, 0), routing_bytes(origins, most.pairs)};
  return {0, message_bytes(transfer_bytes(graph, step, plan_.job.precision.compute), most)};
}

ByteRange ExpectedMessages::bytes_of_shard(const Tag& tag) const {
  if (tag.stage < 0 || tag.stage >= std::ssize(plan_.layout.buckets)) refuse(tag, "the plan has no such bucket");
  const Bucket& bucket = at(plan_.layout.buckets, tag.stage);
  for (const int rank : {rank_, tag.source})
    if (!is_copy(bucket, rank)) refuse(tag, fmt::format("rank {} has no copy of this bucket", rank));
  if (tag.source == rank_) refuse(tag, "a rank sends its own shard to others alone");
  if (tag.direction != 0 || tag.microbatch != 0 || tag.node != 0 || tag.pass != Pass::forward ||
      tag.hop != Hop::direct || tag.port != 0)
    refuse(tag, "a shard belongs to no microbatch and no op");
  const Precision precision = plan_.job.precision.compute;
  const Dtype dtype = tag.traffic == Traffic::reduce ? wide_dtype(precision) : compute_dtype(precision);
  return exactly(bucket.shard_size() * static_cast<std::int64_t>(dtype_bytes(dtype)));
}

}  // namespace dsrun
