// Step lists of random stages, and a player that notes whatever does not add up in them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "models/passes/steps.hpp"
#include "tests/models/cut_inside_layers.hpp"
#include "tests/models/random_model.hpp"
#include "tests/support/trials.hpp"

namespace dsrun::test {

using Lists = std::vector<const StepList*>;

// Every transfer starts once and finishes once, in this order.
inline void expect_paired_transfers(const StepList& list) {
  std::set<std::pair<int, Pass>> started;
  for (const OpStep& step : list) {
    if (step.part == Part::start) {
      EXPECT_TRUE(started.insert({step.node, step.pass}).second);
    }
    if (step.part == Part::finish) {
      EXPECT_EQ(started.erase({step.node, step.pass}), 1u);
    }
  }
  EXPECT_TRUE(started.empty());
}

// `cut`: puts boundaries elsewhere in the graph of a model.
template <class Check, class Cut>
void for_random_stages(const RecomputeSpec& recompute, Check check, Cut cut) {
  Random random(11);
  for (int trial = 0; trial < trials(60); ++trial) {
    ModelSpec spec = random_model(random);
    spec.mtp_depth = trial % 3;
    const Graph model = cut(build_graph(spec), spec);
    std::vector<int> bounds = random_cuts(random, spec.layers);
    bounds.back() += spec.mtp_depth;
    for (std::size_t s = 0; s + 1 < bounds.size(); ++s) {
      SCOPED_TRACE(testing::Message() << "trial " << trial << " layers " << bounds[s] << " to " << bounds[s + 1]);
      check(derive_steps(slice_graph(model, bounds[s], bounds[s + 1]), recompute));
    }
  }
}

template <class Check>
void for_random_stages(const RecomputeSpec& recompute, Check check) {
  for_random_stages(recompute, check, [](Graph model, const ModelSpec&) { return model; });
}

// Plays lists as an executor would and notes whatever does not add up.
class Player {
 public:
  explicit Player(const StageSteps& stage) : stage_(stage) {}

  void play(const Lists& lists) {
    for (const StepList* list : lists) {
      const Ports& ports = ports_of(*list);
      for (const ValueId id : ports.arrive)
        if (id != no_value) make(id);
      for (const OpStep& step : *list) play(step);
      for (const Departure& port : ports.leave) leave(port);
    }
    for (const ValueId id : live_) note(id, "was never given back");
  }
  const std::vector<std::string>& faults() const { return faults_; }
  const std::set<ValueId>& made() const { return made_; }

 private:
  void note(ValueId id, const char* what) {
    faults_.push_back(stage_.values[static_cast<std::size_t>(id)].name + " " + what);
  }
  const Ports& ports_of(const StepList& list) const {
    static const Ports none;
    return &list == &stage_.forward          ? stage_.forward_ports
           : &list == &stage_.forward_only   ? stage_.forward_only_ports
           : &list == &stage_.backward       ? stage_.backward_ports
           : &list == &stage_.backward_input ? stage_.backward_input_ports
                                             : none;
  }
  void leave(const Departure& port) {
    if (port.value == no_value) return;
    if (live_.count(port.value) == 0) note(port.value, "leaves while not there");
    if (!port.stays) give_back(port.value, "leaves while not there");
  }
  void make(ValueId id, bool again = false) {
    if (made_.insert(id).second == again) note(id, again ? "is made again before it was made" : "was made twice");
    if (!live_.insert(id).second) note(id, "was made while there");
  }
  void give_back(ValueId id, const char* what) {
    if (live_.erase(id) == 0) note(id, what);
  }

  void play(const OpStep& step) {
    for (const ValueId id : values_read(stage_, step))
      if (live_.count(id) == 0) note(id, "is read while not there");
    std::vector<ValueId> begun = step.allocates;
    for (const ValueId id : step.allocates) make(id, step.pass == Pass::recompute);
    for (const TakeOver& move : step.takes_over) {
      give_back(move.from, "is taken over while not there");
      const Value& from = stage_.values[static_cast<std::size_t>(move.from)];
      const Value& to = stage_.values[static_cast<std::size_t>(move.to)];
      if (from.rows != to.rows || from.cols != to.cols || from.element != to.element) note(move.to, "does not fit");
      make(move.to, step.pass == Pass::recompute);
      begun.push_back(move.to);
    }
    std::vector<ValueId> expected = values_made(stage_, step);
    std::sort(begun.begin(), begun.end());
    std::sort(expected.begin(), expected.end());
    if (begun != expected) faults_.push_back("a step's memory is not of the values that it makes");
    for (const ValueId id : step.releases) give_back(id, "is released while not there");
  }

  const StageSteps& stage_;
  std::set<ValueId> made_, live_;
  std::vector<std::string> faults_;
};

}  // namespace dsrun::test
