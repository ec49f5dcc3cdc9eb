#include "models/passes/order.hpp"

#include <cassert>

namespace dsrun {
namespace {

int urgency(const StageSteps& stage, const OpStep& step) {
  const bool counts = stage.graph.nodes[static_cast<std::size_t>(step.node)].op == Op::exchange_counts;
  switch (step.part) {
    case Part::start:
      return counts ? 0 : 1;
    case Part::whole:
      return 2;
    case Part::relay:
    case Part::finish:
      return 3;
  }
  return 2;
}

// By value: how many steps still have to make it. A transfer's finish also waits for its start, and each part of
// dispatch for the routing that the same part of exchange_counts makes: what to send, then what comes.
class Readiness {
 public:
  Readiness(const StageSteps& stage, const std::vector<OpStep>& steps)
      : stage_(stage), unmade_(stage.values.size(), 0) {
    for (const OpStep& step : steps)
      for (ValueId made : values_made(stage, step)) ++unmade_[static_cast<std::size_t>(made)];
  }

  bool ready(const std::vector<OpStep>& steps, const std::vector<bool>& done, std::size_t index) const {
    const OpStep& step = steps[index];
    for (ValueId read : values_read(stage_, step))
      if (unmade_[static_cast<std::size_t>(read)] > 0) return false;
    for (std::size_t i = 0; i < steps.size(); ++i)
      if (!done[i] && precedes(steps[i], step)) return false;
    return true;
  }

  void finish(const OpStep& step) {
    for (ValueId made : values_made(stage_, step)) --unmade_[static_cast<std::size_t>(made)];
  }

 private:
  bool precedes(const OpStep& earlier, const OpStep& later) const {
    const OpNode& a = stage_.graph.nodes[static_cast<std::size_t>(earlier.node)];
    const OpNode& b = stage_.graph.nodes[static_cast<std::size_t>(later.node)];
    if (earlier.node == later.node && earlier.pass == later.pass)
      return earlier.part == Part::start && later.part == Part::finish;
    return a.op == Op::exchange_counts && b.op == Op::dispatch && later.pass == Pass::forward && a.moe == b.moe &&
           earlier.part == later.part;
  }

  const StageSteps& stage_;
  std::vector<int> unmade_;
};

}  // namespace

StepList order_steps(const StageSteps& stage, const std::vector<OpStep>& steps) {
  Readiness readiness(stage, steps);
  std::vector<bool> done(steps.size(), false);
  StepList order;
  while (order.size() < steps.size()) {
    std::size_t best = steps.size();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (done[i] || !readiness.ready(steps, done, i)) continue;
      if (best == steps.size() || urgency(stage, steps[i]) < urgency(stage, steps[best])) best = i;
    }
    assert(best < steps.size());  // the graph has no cycles
    done[best] = true;
    readiness.finish(steps[best]);
    order.push_back(steps[best]);
  }
  return order;
}

namespace {

// One past the step with which a list's turn ends: its next transfer's start or relay, or, with nothing to compute or
// to wait for the other part of in between, the same part after that (exchange_counts, then dispatch). 0: it sends
// nothing any more.
std::size_t end_of_turn(const StepList& list, std::size_t next) {
  while (next < list.size() && !sends(list[next].part)) ++next;
  if (next == list.size()) return 0;
  const Part part = list[next].part;
  for (std::size_t i = next; i < list.size() && list[i].part != Part::whole; ++i) {
    if (list[i].part == part) next = i;
    if (sends(list[i].part) && list[i].part != part) break;
  }
  return next + 1;
}

}  // namespace

std::vector<std::uint8_t> interleave(const StepList& forward, const StepList& backward) {
  const StepList* lists[2] = {&forward, &backward};
  std::size_t next[2] = {0, 0};
  std::vector<std::uint8_t> order;
  const auto take = [&](std::uint8_t which, std::size_t end) {
    for (; next[which] < end; ++next[which]) order.push_back(which);
  };
  std::uint8_t now = 1;
  for (int done = 0; done < 2; now ^= 1) {  // until neither list has a turn left
    const std::size_t end = end_of_turn(*lists[now], next[now]);
    take(now, end);
    done = end == 0 ? done + 1 : 0;
  }
  take(now, lists[now]->size());  // the other one's last transfer is on its way
  take(now ^ 1, lists[now ^ 1]->size());
  return order;
}

}  // namespace dsrun
