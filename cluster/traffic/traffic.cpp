#include "cluster/traffic/traffic.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cluster/layout/expert_routes.hpp"
#include "cluster/traffic/expert_traffic.hpp"
#include "models/transfer.hpp"

namespace dsrun {
namespace {

class TrafficCount {
 public:
  explicit TrafficCount(const Plan& plan)
      : plan_(plan),
        element_(element_bytes(Element::compute, plan.job.precision.compute)),
        wide_(element_bytes(Element::wide, plan.job.precision.compute)) {}

  std::vector<LinkBytes> count() {
    for (int rank = 0; rank < plan_.mesh.size(); ++rank)
      for (int phase = 0; phase < plan_.num_phases(rank); ++phase) chunk(rank, plan_.chunk(rank, phase));
    for (const Bucket& bucket : plan_.layout.buckets)
      for (const int from : bucket.ranks)
        for (const int to : bucket.ranks)
          if (from != to) link(from, to).synchronisation += bucket.shard_size() * (wide_ + element_);
    std::vector<LinkBytes> all;
    for (const auto& [ends, bytes] : links_) all.push_back(bytes);
    return all;
  }

 private:
  LinkBytes& link(int from, int to) {
    LinkBytes& bytes = links_[{from, to}];
    bytes.from = from;
    bytes.to = to;
    return bytes;
  }

  // What a stage's transfers of rows carry in one microbatch's forward and backward, to owners of experts and back.
  struct BothWays {
    TransferBytes out, back;
  };
  BothWays transfers(int stage) const {
    const StageSteps& steps = plan_.stages[static_cast<std::size_t>(stage)];
    BothWays sum;
    for (const StepList* list : {&steps.forward, &steps.backward})
      for (const OpStep& step : *list) {
        const Movement moves = movement(steps.graph, step);
        if (step.part != Part::start || moves == Movement::announce) continue;
        (goes_to_experts(moves) ? sum.out : sum.back) += transfer_bytes(steps.graph, step, plan_.job.precision.compute);
      }
    return sum;
  }

  void chunk(int rank, const Chunk& chunk) {
    const Graph& graph = plan_.stages[static_cast<std::size_t>(chunk.stage)].graph;
    const std::int64_t microbatches = plan_.program.microbatches_per_direction();
    const std::int64_t tokens = plan_.tokens_per_microbatch() * microbatches;
    if (!graph.has_loss()) {
      const int next = plan_.stage_rank(rank, chunk.stage + 1, chunk.direction);
      if (next != rank) {  // DualPipeV's last rank hands over to itself
        link(rank, next).pipeline += microbatches * boundary_bytes(plan_, chunk.stage, Kind::forward);
        link(next, rank).pipeline += microbatches * boundary_bytes(plan_, chunk.stage + 1, Kind::backward);
      }
    }
    const ModelSpec& model = plan_.job.model;
    const int members = plan_.mesh.expert;
    if (graph.moe_layers.empty()) return;
    const BothWays carried = transfers(chunk.stage);
    // The messages go to `meant` members' experts.
    const auto carry = [&](int from, int to, int meant) {
      const double rows = holding_probability(model, model.experts / members * meant) * static_cast<double>(tokens);
      const double pairs = static_cast<double>(tokens) * model.experts_per_token * meant / members;
      const auto bytes = [&](const TransferBytes& each) { return std::llround(rows * each.row + pairs * each.pair); };
      link(from, to).expert += bytes(carried.out);
      link(to, from).expert += bytes(carried.back);
    };
    const ExpertRoutes routes = expert_routes(plan_, rank);
    const auto rank_of = [&](int member) { return plan_.mesh.expert_member(rank, member); };
    for (const ExpertRoutes::Out& out : routes.out)
      if (out.peer.member != routes.self) carry(rank, rank_of(out.peer.member), out.num_members);
    for (std::size_t sender = 0; sender < routes.counterparts.size(); ++sender)  // passes on what each of them sends
      for (const int member : routes.node)
        if (member != routes.self) carry(rank, rank_of(member), 1);
  }

  const Plan& plan_;
  std::int64_t element_, wide_;
  std::map<std::pair<int, int>, LinkBytes> links_;
};

}  // namespace

std::vector<LinkBytes> step_traffic(const Plan& plan) { return TrafficCount(plan).count(); }

}  // namespace dsrun
