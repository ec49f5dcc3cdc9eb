#include "cluster/forecast/step_costs.hpp"

#include <algorithm>

#include "models/op_table.hpp"
#include "models/transfer.hpp"

namespace dsrun {
namespace {

// What one hop carries for a token: rows, and (row, expert) pairs.
struct Carried {
  double rows = 0, pairs = 0;
};

struct CarriedByPort {
  Carried local, network;
};

CarriedByPort carried(const RowCopies& copies, bool two_hop, bool to_experts, Part part) {
  const Carried direct = {copies.direct, copies.direct_pairs}, relayed = {copies.relayed, copies.relayed_pairs};
  const Carried network = {copies.network, copies.network_pairs};
  if (part == Part::start && (to_experts || !two_hop)) return {direct, network};
  if (part == Part::start) return {{direct.rows + relayed.rows, direct.pairs + relayed.pairs}, {}};
  if (part == Part::relay) return to_experts ? CarriedByPort{relayed, {}} : CarriedByPort{{}, network};
  return {};
}

}  // namespace

const CostedList& CostedStage::list(Kind kind) const {
  return kind == Kind::forward          ? forward
         : kind == Kind::backward       ? backward
         : kind == Kind::backward_input ? backward_input
                                        : backward_weight;
}

StepCosts::StepCosts(const Plan& plan, const DeviceModel& model) : plan_(plan), model_(model) {}

MicrobatchShape StepCosts::shape(int rank) const {
  const Job& job = plan_.job;
  MicrobatchShape shape;
  shape.tokens = static_cast<double>(plan_.tokens_per_microbatch());
  shape.routed_rows = shape.tokens * job.model.experts_per_token;
  const RowCopies copies = row_copies(plan_, rank);
  shape.sent_rows = shape.tokens * (copies.here + copies.direct + copies.network);
  shape.received_rows = shape.tokens * copies.members;
  shape.relayed_rows = plan_.two_hop ? shape.tokens * (copies.network + copies.relayed + copies.kept) : 0;
  shape.length = job.batch.length;
  shape.local_experts = static_cast<double>(job.model.experts) / plan_.mesh.expert;
  shape.compute = job.precision.compute;
  return shape;
}

CostedList StepCosts::costed(const StageSteps& stage, const StepList& list, const MicrobatchShape& shape,
                             const RowCopies& copies, double slowdown) const {
  const Job& job = plan_.job;
  const bool fp8 = job.precision.products == Products::fp8;
  CostedList costed;
  costed.reserve(list.size());
  for (const OpStep& step : list) {
    const OpNode& node = stage.graph.nodes[static_cast<std::size_t>(step.node)];
    CostedStep each;
    each.part = step.part;
    const StepWork work = step_work(stage, step, shape);
    each.seconds = slowdown * step_seconds(model_, work, fp8);
    each.rate = rate_class(work, fp8);
    if (op_row(node.op).communicates()) {
      each.transfer = step.node * 4 + static_cast<int>(step.pass);
      const bool to_experts = goes_to_experts(movement(node.op, step.pass));
      const TransferBytes each_carries = transfer_bytes(stage.graph, step, shape.compute, job.precision.products);
      const auto bytes = [&](const Carried& on) {
        return shape.tokens * (on.rows * each_carries.row + on.pairs * each_carries.pair);
      };
      const CarriedByPort all = carried(copies, plan_.two_hop, to_experts, step.part);
      each.local_bytes = bytes(all.local);
      each.network_bytes = bytes(all.network);
      each.two_hop = plan_.two_hop;
      each.first_hop_is_local = !to_experts;
    }
    costed.push_back(each);
  }
  return costed;
}

CostedStage StepCosts::stage(int index, int rank, bool overlapped) const {
  const StageSteps& steps = plan_.stages[static_cast<std::size_t>(index)];
  const RowCopies copies = row_copies(plan_, rank);
  const MicrobatchShape of = shape(rank);
  const bool shares = overlapped && !steps.graph.moe_layers.empty() && plan_.mesh.expert > 1;
  const double slowdown = shares ? 1 / (1 - model_.communication_share) : 1;
  return {costed(steps, steps.forward, of, copies, slowdown), costed(steps, steps.backward, of, copies, slowdown),
          costed(steps, steps.backward_input, of, copies, slowdown),
          costed(steps, steps.backward_weight, of, copies, slowdown)};
}

SyncParts sync_bytes(const Plan& plan, const Bucket& bucket) {
  const Precision precision = plan.job.precision.compute;
  const auto weight = static_cast<double>(element_bytes(Element::compute, precision));
  const auto wide = static_cast<double>(element_bytes(Element::wide, precision));
  const double moment = precision != Precision::fp64 && plan.job.optimizer.moments == Moments::bf16 ? 2 : wide;
  const double average = plan.job.optimizer.ema_decay > 0 ? 3 * wide : 0;
  const auto copies = static_cast<double>(bucket.ranks.size());
  const auto shard = static_cast<double>(bucket.shard_size());
  // AdamW reads gradient, master and moments and writes all but the gradient, and the weight.
  return {.sum_squares = shard * wide,
          .sum = copies > 1 ? (copies + 1) * shard * wide : 0,
          .update = shard * (3 * wide + 4 * moment + weight + average),
          .copy = 2 * (copies - 1) * shard * weight};
}

std::vector<CostedBucket> StepCosts::buckets(int rank) const {
  const Precision precision = plan_.job.precision.compute;
  const auto weight = static_cast<double>(element_bytes(Element::compute, precision));
  const auto wide = static_cast<double>(element_bytes(Element::wide, precision));
  std::vector<CostedBucket> all;
  for (const int index : plan_.layout.buckets_of(rank)) {
    const Bucket& bucket = plan_.layout.buckets[static_cast<std::size_t>(index)];
    const auto copies = static_cast<double>(bucket.ranks.size());
    const auto shard = static_cast<double>(bucket.shard_size());
    const auto near = static_cast<double>(std::count_if(
        bucket.ranks.begin(), bucket.ranks.end(), [&](int other) { return plan_.placement.same_node(rank, other); }));
    const SyncParts bytes = sync_bytes(plan_, bucket);
    const auto seconds = [&](double SyncParts::*part) { return sync_seconds(model_, part, bytes.*part); };
    CostedBucket each;
    each.ranks = bucket.ranks;
    each.reduce_local = (near - 1) * shard * wide;
    each.reduce_network = (copies - near) * shard * wide;
    each.gather_local = (near - 1) * shard * weight;
    each.gather_network = (copies - near) * shard * weight;
    each.sum_seconds = seconds(&SyncParts::sum) + seconds(&SyncParts::sum_squares);
    each.update_seconds = seconds(&SyncParts::update);
    each.copy_seconds = seconds(&SyncParts::copy);
    all.push_back(std::move(each));
  }
  return all;
}

}  // namespace dsrun
