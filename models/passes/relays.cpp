#include "models/passes/relays.hpp"

#include <algorithm>
#include <utility>

namespace dsrun {
namespace {

class Relays {
 public:
  Relays(const Graph& graph, const StepList& list) : graph_(graph), list_(list), relays_(list.size() + 1) {}

  StepList insert() {
    for (std::size_t s = 0; s < list_.size(); ++s)
      if (list_[s].part == Part::start) relays_[place_of(s)].push_back(s);
    StepList all;
    for (std::size_t s = 0; s <= list_.size(); ++s) {
      for (const std::size_t start : relays_[s]) {
        all.push_back(list_[start]);
        all.back().part = Part::relay;
      }
      if (s < list_.size()) all.push_back(list_[s]);
    }
    return all;
  }

 private:
  const OpNode& node(const OpStep& step) const { return graph_.nodes[static_cast<std::size_t>(step.node)]; }

  // Before which step the transfer that starts at `start` is relayed.
  std::size_t place_of(std::size_t start) const {
    const OpStep& step = list_[start];
    if (node(step).op == Op::dispatch && step.pass == Pass::forward)
      for (std::size_t s = 0; s < start; ++s)
        if (list_[s].part == Part::start && node(list_[s]).op == Op::exchange_counts &&
            node(list_[s]).moe == node(step).moe)
          return std::max(start + 1, middle(s));
    return middle(start);
  }

  // Behind the middle one of the compute steps between a transfer's start and its finish.
  std::size_t middle(std::size_t start) const {
    std::vector<std::size_t> compute;
    std::size_t s = start + 1;
    for (; list_[s].node != list_[start].node || list_[s].pass != list_[start].pass; ++s)
      if (list_[s].part == Part::whole) compute.push_back(s);
    return compute.empty() ? s : compute[(compute.size() - 1) / 2] + 1;
  }

  const Graph& graph_;
  const StepList& list_;
  std::vector<std::vector<std::size_t>> relays_;  // by step of the list: starts of what is relayed before it
};

}  // namespace

void insert_relays(const Graph& graph, StepList& list) {
  const StepList before = std::exchange(list, {});
  list = Relays(graph, before).insert();
}

}  // namespace dsrun
