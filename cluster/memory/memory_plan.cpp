#include "cluster/memory/memory_plan.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "cluster/layout/expert_routes.hpp"
#include "cluster/memory/stored.hpp"
#include "cluster/traffic/expert_traffic.hpp"
#include "models/transfer.hpp"
#include "runtime/schedule/footprint.hpp"

namespace dsrun {
namespace {

// The most transfers of rows that a list has started and not finished.
int most_in_flight(const StageSteps& stage, const StepList& list) {
  int now = 0, most = 0;
  for (const OpStep& step : list) {
    if (movement(stage.graph, step) == Movement::announce) continue;
    now += step.part == Part::start ? 1 : step.part == Part::finish ? -1 : 0;
    most = std::max(most, now);
  }
  return most;
}

// Of the stages that a rank holds.
LargestTransfer largest_of(const Plan& plan, const RankProgram& rank) {
  LargestTransfer most;
  const auto enlarge = [](TransferBytes& bytes, const TransferBytes& other) {
    bytes = {std::max(bytes.row, other.row), std::max(bytes.pair, other.pair)};
  };
  for (const Chunk& chunk : rank.chunks) {
    const LargestTransfer each =
        largest_transfer(plan.stages[static_cast<std::size_t>(chunk.stage)].graph, plan.job.precision.compute);
    enlarge(most.rows, each.rows);
    enlarge(most.announced, each.announced);
  }
  return most;
}

// Transfers of experts' rows that a rank can have under way: an interleaved forward and backward add up.
int transfers_in_flight(const Plan& plan, const RankProgram& rank) {
  int forward = 0, backward = 0;
  for (const Chunk& chunk : rank.chunks) {
    const StageSteps& stage = plan.stages[static_cast<std::size_t>(chunk.stage)];
    if (stage.graph.moe_layers.empty()) continue;
    forward = std::max(forward, most_in_flight(stage, stage.forward));
    backward = std::max({backward, most_in_flight(stage, stage.backward), most_in_flight(stage, stage.backward_input)});
  }
  const bool interleaves = std::any_of(rank.instructions.begin(), rank.instructions.end(),
                                       [](const Instruction& each) { return each.overlapped.has_value(); });
  return interleaves ? forward + backward : std::max(forward, backward);
}

// What a rank holds of others while it relays, rows and (row, expert) pairs: at a gather, all that its node sends and
// all that goes on; at the scatter behind it, what goes on, with one counterpart's message still to be taken apart,
// while the gather's may not have been taken yet. Planned as routed rows are, and never more than there are.
struct Relayed {
  std::int64_t rows = 0, pairs = 0;
};

Relayed planned_relayed(const Plan& plan) {
  Relayed most;
  if (!plan.two_hop) return most;
  const auto tokens = static_cast<double>(plan.tokens_per_microbatch());
  const auto bound = [&](double mean, double all) {
    return static_cast<std::int64_t>(std::ceil(tokens * std::min(all, mean * plan.job.balance.load_factor)));
  };
  for (int first = 0; first < plan.mesh.size(); first += plan.mesh.expert) {  // all of a group relay alike
    const ExpertRoutes routes = expert_routes(plan, first);
    const RowCopies copies = row_copies(plan, first);
    const auto senders = static_cast<double>(routes.counterparts.size());
    const int chosen = plan.job.model.experts_per_token;
    if (senders == 0) continue;  // the group lies within a node
    const double met = std::min<double>(static_cast<double>(routes.node.size()), chosen);
    const double between = 1 + 1 / senders;
    most.rows =
        std::max(most.rows, bound(between * copies.network + copies.relayed + copies.kept, senders * (between + met)));
    most.pairs = std::max(most.pairs, bound((between + 1) * copies.network_pairs, senders * (between + 1) * chosen));
  }
  return most;
}

// The most that one crossing of a boundary between stages takes, in messages as the pool counts them.
std::int64_t largest_crossing(const Plan& plan) {
  std::int64_t most = 0;
  for (int stage = 0; stage < static_cast<int>(plan.stages.size()); ++stage)
    for (const Kind kind : {Kind::forward, Kind::backward}) {
      std::int64_t sum = 0;
      for (const std::int64_t bytes : port_bytes(plan, stage, kind)) sum += rounded_bytes(bytes);
      most = std::max(most, sum);
    }
  return most;
}

// Between stages the bound counts every message that can be under way to or from this rank. For each transfer of
// experts' rows it counts what this rank has sent and not yet had back. Since a peer may be one transfer ahead, it also
// counts the rows of a combine and of the dispatch behind it, as received. What this rank relays counts the same way.
std::int64_t message_bound(const Plan& plan, int pipeline_index, const std::vector<LinkCredit>& credits,
                           const Relayed& relayed) {
  std::int64_t num_crossings = 0;
  for (const LinkCredit& credit : credits)
    if (credit.to == pipeline_index || credit.from == pipeline_index) num_crossings += credit.num_messages;
  const RankProgram& rank = plan.program.ranks[static_cast<std::size_t>(pipeline_index)];
  const std::int64_t own_rows = plan.tokens_per_microbatch() * plan.job.model.experts_per_token;
  const LargestTransfer largest = largest_of(plan, rank);
  const auto routed_row = static_cast<std::int64_t>(largest.rows.row);
  const auto gate = static_cast<std::int64_t>(largest.rows.pair);
  const auto announced = static_cast<std::int64_t>(largest.announced.pair);
  const std::int64_t own = (2 * own_rows + planned_rows(plan)) * (routed_row + gate) + 2 * own_rows * announced;
  const std::int64_t of_others = relayed.rows * routed_row + relayed.pairs * (gate + announced);
  return num_crossings * largest_crossing(plan) + transfers_in_flight(plan, rank) * (own + of_others);
}

// Of an element: master, two moments, and the average if there is one.
std::int64_t optimizer_bytes(const Job& job) {
  const std::int64_t wide = element_bytes(Element::wide, job.precision.compute);
  const bool narrow_moments = job.precision.compute != Precision::fp64 && job.optimizer.moments == Moments::bf16;
  return (job.optimizer.ema_decay > 0 ? 2 : 1) * wide + 2 * (narrow_moments ? 2 : wide);
}

std::int64_t weight_bytes(const Plan& plan, const Bucket& bucket) {
  if (plan.job.precision.products != Products::fp8)
    return bucket.size * element_bytes(Element::compute, plan.job.precision.compute);
  double bytes = 0;
  for (const TensorPart& part : bucket.parts)
    bytes += static_cast<double>(part.size) * weight_element_bytes(plan, part);
  return static_cast<std::int64_t>(std::ceil(bytes));
}

// Weights, gradients, optimizer state and what its synchronisation brings, of the first rank of each pipeline index:
// the others' are as large.
void add_state(const Plan& plan, std::vector<RankMemory>& by_index) {
  const std::int64_t wide = element_bytes(Element::wide, plan.job.precision.compute);
  for (const Bucket& bucket : plan.layout.buckets) {
    const std::int64_t weights = weight_bytes(plan, bucket);
    for (int p = 0; p < plan.mesh.pipeline; ++p) {
      if (!std::binary_search(bucket.ranks.begin(), bucket.ranks.end(), plan.mesh.rank(p, 0))) continue;
      RankMemory& memory = by_index[static_cast<std::size_t>(p)];
      memory.weights += weights;
      memory.gradients += bucket.size * wide;
      memory.optimizer += bucket.shard_size() * optimizer_bytes(plan.job);
      // Gradients of the owned shard from all its other copies, some of which may be done before this rank is. In one
      // process they are read where they lie; the gathered weights, later, are no more.
      if (plan.job.cluster.isolation == Isolation::process)
        memory.messages += (bucket.size - bucket.shard_size()) * wide;
    }
  }
}

}  // namespace

MemoryPlan plan_memory(const Plan& plan, const DeviceMemoryModel& model) {
  MemoryPlan all{plan.mesh, {}, play_memory(plan)};
  const std::vector<LinkCredit> credits = link_credits(plan.program);
  const Relayed relayed = planned_relayed(plan);
  for (int p = 0; p < plan.mesh.pipeline; ++p) {
    const MemoryTimeline& timeline = all.timelines[static_cast<std::size_t>(p)];
    const ActivationBytes peak = timeline.peak();
    RankMemory each;
    each.saved = peak[static_cast<std::size_t>(ActivationClass::saved)];
    each.working = peak[static_cast<std::size_t>(ActivationClass::working)];
    each.routed = peak[static_cast<std::size_t>(ActivationClass::routed)];
    each.messages = message_bound(plan, p, credits, relayed);
    each.scratch = model.scratch_bytes.empty() ? 0 : model.scratch_bytes[static_cast<std::size_t>(p)];
    each.peak_at = to_string(plan.program.ranks[static_cast<std::size_t>(p)].instructions[timeline.peak_at]);
    all.by_index.push_back(each);
  }
  add_state(plan, all.by_index);
  for (std::size_t p = 0; p < all.by_index.size(); ++p)
    all.by_index[p].peak = all.by_index[p].constant() + all.timelines[p].peak_total();
  return all;
}

nlohmann::json to_json(const RankMemory& memory) {
  return {{"weights", memory.weights},     {"gradients", memory.gradients},
          {"optimizer", memory.optimizer}, {"activations", memory.saved + memory.working + memory.routed},
          {"saved", memory.saved},         {"working", memory.working},
          {"routed", memory.routed},       {"messages", memory.messages},
          {"scratch", memory.scratch},     {"peak", memory.peak},
          {"peak_at", memory.peak_at}};
}

}  // namespace dsrun
