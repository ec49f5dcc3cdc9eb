#include "models/passes/lifetimes.hpp"

#include <algorithm>

#include "models/op_table.hpp"

namespace dsrun {
namespace {

struct ListPlace {
  int list = -1;
  int step = -1;
  bool operator==(const ListPlace&) const = default;
};

bool same_size(const Value& a, const Value& b) {
  return a.rows == b.rows && a.cols == b.cols && a.element == b.element;
}

class Lifetimes {
 public:
  Lifetimes(const StageSteps& stage, const std::vector<StepList*>& lists)
      : stage_(stage), lists_(lists), lives_(stage.values.size()) {}

  void plan() {
    for_each_step([&](OpStep& step, ListPlace place) {
      for (ValueId id : values_made(stage_, step)) {
        life(id).again = step.pass == Pass::recompute;
        life(id).extend(place);
      }
      for (ValueId id : values_read(stage_, step)) life(id).extend(place);
    });
    for_each_step([&](OpStep& step, ListPlace place) { plan_step(step, place); });
  }

 private:
  // A value that is recomputed lives twice: until the forward pass needs it no more, and from its recomputation on.
  struct Life {
    ListPlace last, last_again;
    bool again = false;
    void extend(ListPlace place) { (again ? last_again : last) = place; }
  };
  Life& life(ValueId id) { return lives_[static_cast<std::size_t>(id)]; }

  template <class Visit>
  void for_each_step(Visit visit) {
    for (std::size_t l = 0; l < lists_.size(); ++l)
      for (std::size_t s = 0; s < lists_[l]->size(); ++s)
        visit((*lists_[l])[s], ListPlace{static_cast<int>(l), static_cast<int>(s)});
  }

  // Through a port of the forward list, which comes first, or of a backward list, which comes second.
  bool leaves(ValueId id, int list) const {
    const std::vector<ValueId>& ports = list == 0 ? stage_.graph.ports_out : stage_.input_gradients;
    return list < 2 && std::find(ports.begin(), ports.end(), id) != ports.end();
  }

  bool dies_at(ValueId id, ListPlace place) const {
    const Life& life = lives_[static_cast<std::size_t>(id)];
    return !leaves(id, place.list) && (life.last == place || life.last_again == place);
  }

  // Which memory a new value may take over, or no_value.
  ValueId donor(const OpStep& step, ListPlace place, ValueId made) const {
    const OpNode& node = stage_.graph.nodes[static_cast<std::size_t>(step.node)];
    const OpRow& row = op_row(node.op);
    std::vector<ValueId> candidates;
    if (runs_forward(step.pass) && made == node.outputs[0])
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (row.forward_in_place >> i & 1) candidates.push_back(node.inputs[i]);
    if (step.pass == Pass::backward_input)
      for (std::size_t i = 0; i < step.grad_inputs.size(); ++i) {
        if (step.grad_inputs[i].out != made) continue;
        candidates.push_back(step.grad_inputs[i].addend);
        if (i == 0 && row.backward_in_place && step.grad_inputs[i].addend == no_value)
          candidates.push_back(step.grad_outputs[0]);
      }
    for (ValueId candidate : candidates)
      if (candidate != no_value && dies_at(candidate, place) &&
          same_size(stage_.values[static_cast<std::size_t>(candidate)], stage_.values[static_cast<std::size_t>(made)]))
        return candidate;
    return no_value;
  }

  void plan_step(OpStep& step, ListPlace place) {
    step.allocates.clear();
    step.takes_over.clear();
    step.releases.clear();
    std::vector<ValueId> gone;
    const std::vector<ValueId> made = values_made(stage_, step);
    for (ValueId id : made) {
      const ValueId from = donor(step, place, id);
      if (from == no_value || std::find(gone.begin(), gone.end(), from) != gone.end()) {
        step.allocates.push_back(id);
      } else {
        step.takes_over.push_back({from, id});
        gone.push_back(from);
      }
    }
    std::vector<ValueId> touched = values_read(stage_, step);
    touched.insert(touched.end(), made.begin(), made.end());
    for (ValueId id : touched)
      if (dies_at(id, place) && std::find(gone.begin(), gone.end(), id) == gone.end()) {
        step.releases.push_back(id);
        gone.push_back(id);
      }
  }

  const StageSteps& stage_;
  const std::vector<StepList*>& lists_;
  std::vector<Life> lives_;
};

}  // namespace

void plan_lifetimes(const StageSteps& stage, const std::vector<StepList*>& lists) { Lifetimes(stage, lists).plan(); }

std::vector<bool> saved_values(const StageSteps& stage) {
  std::vector<bool> saved(stage.values.size(), false), made(stage.values.size(), false);
  for (const StepList* list : {&stage.backward_input, &stage.backward_weight})
    for (const OpStep& step : *list) {
      for (ValueId id : values_read(stage, step)) saved[static_cast<std::size_t>(id)] = true;
      for (ValueId id : values_made(stage, step)) made[static_cast<std::size_t>(id)] = true;
    }
  const std::size_t num_forward = stage.graph.values.size();  // gradients come after
  for (std::size_t id = 0; id < saved.size(); ++id) saved[id] = saved[id] && !made[id] && id < num_forward;
  return saved;
}

}  // namespace dsrun
