#include "cluster/traffic/traffic.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cluster/layout/expert_routes.hpp"
#include "cluster/traffic/expert_traffic.hpp"

namespace dsrun {
namespace {

class Traffic {
 public:
  explicit Traffic(const Plan& plan)
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

  int recomputed_dispatches(int stage) const {
    const StepList& list = plan_.stages[static_cast<std::size_t>(stage)].backward;
    return static_cast<int>(std::count_if(list.begin(), list.end(), [](const Step& step) {
      return step.pass == Pass::recompute && step.part == Part::start;
    }));
  }

  void chunk(int rank, const Chunk& chunk) {
    const Graph& graph = plan_.stages[static_cast<std::size_t>(chunk.stage)].graph;
    const std::int64_t microbatches = plan_.program.microbatches_per_direction();
    const std::int64_t tokens = plan_.tokens_per_microbatch() * microbatches;
    const std::int64_t hidden = tokens * plan_.job.model.hidden * element_;
    if (!graph.has_loss()) {
      const int next = plan_.stage_rank(rank, chunk.stage + 1, chunk.direction);
      if (next != rank) {  // DualPipeV's last rank hands over to itself
        link(rank, next).pipeline += hidden;
        link(next, rank).pipeline += hidden;
      }
    }
    const ModelSpec& model = plan_.job.model;
    const int members = plan_.mesh.expert;
    const auto layers = static_cast<double>(graph.moe_layers.size());
    const double again = recomputed_dispatches(chunk.stage);
    // To so many members that it carries rows for: the bytes of one way, gates included, one a (row, expert) pair.
    const auto carry = [&](int from, int to, int meant) {
      const double rows = holding_probability(model, model.experts / members * meant) * static_cast<double>(hidden);
      const double gates =
          static_cast<double>(tokens) * model.experts_per_token * meant / members * static_cast<double>(wide_);
      // Out: dispatch and combine's gradient; back: combine and dispatch's gradient.
      link(from, to).expert += std::llround(layers * (2 * rows + gates) + again * (rows + gates));
      link(to, from).expert += std::llround(layers * (2 * rows + gates));
    };
    if (graph.moe_layers.empty()) return;
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

std::vector<LinkBytes> step_traffic(const Plan& plan) { return Traffic(plan).count(); }

}  // namespace dsrun
