#include "models/passes/recompute.hpp"

#include <algorithm>
#include <utility>

#include "models/op_table.hpp"

namespace dsrun {
namespace {

template <class Vector>
decltype(auto) at(Vector& vector, ValueId id) {
  return vector[static_cast<std::size_t>(id)];
}

// The residual stream between layers: what a layer's first addition adds to, and what its last one makes.
std::vector<bool> between_layers(const Graph& graph) {
  std::vector<bool> kept(graph.values.size(), false);
  const auto keep = [&](ValueId id) { kept[static_cast<std::size_t>(id)] = true; };
  const OpNode* before = nullptr;
  for (const OpNode& node : graph.nodes) {
    if (node.op != Op::add) continue;
    if (before == nullptr || before->layer != node.layer) {
      if (before != nullptr) keep(before->outputs[0]);
      keep(node.inputs[0]);
    }
    before = &node;
  }
  if (before != nullptr) keep(before->outputs[0]);
  return kept;
}

// One sequence of lists: what is made again, and where.
class Recomputation {
 public:
  Recomputation(const StageSteps& stage, const std::vector<bool>& forgotten, const std::vector<StepList*>& lists)
      : stage_(stage),
        lists_(lists),
        maker_(stage.values.size(), -1),
        made_(stage.values.size(), false),
        started_(stage.graph.nodes.size(), false) {
    for (std::size_t n = 0; n < forgotten.size(); ++n)
      if (forgotten[n])
        for (const ValueId id : node(static_cast<int>(n)).outputs) at(maker_, id) = static_cast<int>(n);
  }

  void insert() {
    plan();
    for (std::size_t l = 0; l < lists_.size(); ++l) {
      const StepList steps = std::exchange(*lists_[l], {});
      list_ = lists_[l];
      for (std::size_t s = 0; s < steps.size(); ++s) {
        if (l == 0)
          for (const ValueId id : early_[s]) make(id);
        start_transfers_before(steps[s]);
        for (const ValueId id : values_read(stage_, steps[s])) make(id);
        list_->push_back(steps[s]);
      }
    }
  }

 private:
  using Marks = std::vector<bool>;  // by value

  const OpNode& node(int index) const { return stage_.graph.nodes[static_cast<std::size_t>(index)]; }
  bool is_there(ValueId id) const { return at(maker_, id) < 0 || at(made_, id); }

  // Marks everything that has to be made again for `id` to be there.
  void need(ValueId id, Marks& needed) const {
    if (at(maker_, id) < 0 || at(needed, id)) return;
    const OpNode& maker = node(at(maker_, id));
    for (const ValueId output : maker.outputs) at(needed, output) = true;
    for (const ValueId input : maker.inputs) need(input, needed);
  }
  Marks needed_by(const StepList& list) const {
    Marks needed(stage_.values.size(), false);
    for (const OpStep& step : list)
      for (const ValueId id : values_read(stage_, step)) need(id, needed);
    return needed;
  }

  void plan() {
    for (const StepList* list : lists_) {
      const Marks needed = needed_by(*list);
      for (std::size_t n = 0; n < stage_.graph.nodes.size(); ++n) {
        const OpNode& each = stage_.graph.nodes[n];
        if (op_row(each.op).communicates() && !each.outputs.empty() && at(needed, each.outputs[0]))
          transfers_.push_back(static_cast<int>(n));
      }
    }
    early_.assign(lists_[0]->size(), {});
    if (lists_.size() > 1) plan_early(needed_by(*lists_[0]));
  }

  // Of the values that the second list alone needs, those whose operands would have to live on for nothing else.
  void plan_early(const Marks& needed_first) {
    const StepList& second = *lists_[1];
    Marks read_second(stage_.values.size(), false);
    for (const OpStep& step : second)
      for (const ValueId id : values_read(stage_, step)) at(read_second, id) = true;
    for (ValueId id = 0; id < static_cast<ValueId>(stage_.graph.values.size()); ++id) {
      if (!at(read_second, id) || at(maker_, id) < 0 || at(needed_first, id)) continue;
      const auto& inputs = node(at(maker_, id)).inputs;
      const auto lives_on = [&](ValueId input) { return stays(input, needed_first, read_second); };
      if (std::all_of(inputs.begin(), inputs.end(), lives_on)) continue;
      if (const int last = last_reader(inputs); last >= 0) early_[static_cast<std::size_t>(last)].push_back(id);
    }
  }
  bool stays(ValueId id, const Marks& needed_first, const Marks& read_second) const {
    const bool is_there_at_first = at(maker_, id) < 0 || at(needed_first, id);
    if (is_there_at_first) return at(read_second, id);
    const auto& inputs = node(at(maker_, id)).inputs;
    return std::all_of(inputs.begin(), inputs.end(),
                       [&](ValueId input) { return stays(input, needed_first, read_second); });
  }
  int last_reader(const std::vector<ValueId>& ids) const {
    for (int s = static_cast<int>(lists_[0]->size()) - 1; s >= 0; --s)
      for (const ValueId read : values_read(stage_, (*lists_[0])[static_cast<std::size_t>(s)]))
        if (std::find(ids.begin(), ids.end(), read) != ids.end()) return s;
    return -1;
  }

  void push(int index, Part part) {
    OpStep step;
    step.node = index;
    step.pass = Pass::recompute;
    step.part = part;
    list_->push_back(step);
  }

  void make(ValueId id) {
    if (is_there(id)) return;
    const int index = at(maker_, id);
    start(index);
    if (op_row(node(index).op).communicates()) push(index, Part::finish);
    for (const ValueId output : node(index).outputs) at(made_, output) = true;
    for (const int transfer : transfers_) {
      const auto& inputs = node(transfer).inputs;
      const bool waited = std::find(inputs.begin(), inputs.end(), id) != inputs.end();
      if (waited && std::all_of(inputs.begin(), inputs.end(), [&](ValueId input) { return is_there(input); }))
        start(transfer);
    }
  }
  void start(int index) {
    for (const ValueId input : node(index).inputs) make(input);
    if (started_[static_cast<std::size_t>(index)]) return;  // perhaps by the input's arrival just now
    started_[static_cast<std::size_t>(index)] = true;
    push(index, op_row(node(index).op).communicates() ? Part::start : Part::whole);
  }
  // Before combine's gradients are waited for: the way to dispatch's rows fills their flight, and both fly together.
  void start_transfers_before(const OpStep& step) {
    if (step.part != Part::finish || node(step.node).op != Op::combine) return;
    for (const int transfer : transfers_)
      if (node(transfer).moe == node(step.node).moe) start(transfer);
  }

  const StageSteps& stage_;
  const std::vector<StepList*>& lists_;
  std::vector<int> maker_;                   // by value: the forgotten node that makes it; -1: it is kept
  Marks made_;                               // again, so far
  std::vector<bool> started_;                // by node
  std::vector<int> transfers_;               // nodes that send again
  std::vector<std::vector<ValueId>> early_;  // by step of the first list: made before it
  StepList* list_ = nullptr;
};

}  // namespace

std::vector<bool> forgotten_nodes(const Graph& graph, const RecomputeSpec& policy) {
  std::vector<bool> forgotten(graph.nodes.size(), false);
  const std::vector<bool> residual = between_layers(graph);
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const OpNode& node = graph.nodes[n];
    if (node.outputs.empty() || node.op == Op::router || node.op == Op::head_loss) continue;
    forgotten[n] = (node.recompute_sets & recompute_sets(policy)) != 0 ||
                   (policy.full && !residual[static_cast<std::size_t>(node.outputs[0])]);
  }
  return forgotten;
}

void insert_recomputation(const StageSteps& stage, const std::vector<bool>& forgotten,
                          const std::vector<StepList*>& lists) {
  Recomputation(stage, forgotten, lists).insert();
}

}  // namespace dsrun
