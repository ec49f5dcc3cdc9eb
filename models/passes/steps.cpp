// Derives the backward lists: one gradient value per contribution, chained by `addend`, so that each gradient is
// written once and memory can be planned. `add` makes no step of its own: its gradient passes through.
#include "models/passes/steps.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/op_table.hpp"
#include "models/passes/lifetimes.hpp"
#include "models/passes/order.hpp"
#include "models/passes/recompute.hpp"
#include "models/passes/relays.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

bool holds(Operands set, std::size_t index) { return (set >> index & 1) != 0; }

std::vector<OpStep> parts_of(OpStep step, bool communicates) {
  if (!communicates) return {std::move(step)};
  OpStep start = step;
  start.part = Part::start;
  step.part = Part::finish;
  return {std::move(start), std::move(step)};
}

class Derivation {
 public:
  Derivation(Graph graph, const RecomputeSpec& recompute, bool two_hop) : recompute_(recompute), two_hop_(two_hop) {
    stage_.graph = std::move(graph);
    stage_.values = stage_.graph.values;
    gradient_.assign(stage_.values.size(), no_value);
  }

  StageSteps derive() {
    std::vector<OpStep> forward = forward_steps();
    differentiate();
    order_and_plan(forward);
    return std::move(stage_);
  }

 private:
  const Value& value(ValueId id) const { return stage_.values[static_cast<std::size_t>(id)]; }

  std::vector<OpStep> forward_steps() const {
    std::vector<OpStep> steps;
    for (std::size_t n = 0; n < stage_.graph.nodes.size(); ++n) {
      OpStep step;
      step.node = static_cast<int>(n);
      for (OpStep& part : parts_of(step, op_row(stage_.graph.nodes[n].op).communicates())) steps.push_back(part);
    }
    return steps;
  }

  // A router's logits are wide, yet their gradient feeds a matrix product: it has the compute type.
  Element gradient_element(ValueId id, Op consumer) const {
    return consumer == Op::router ? Element::compute : value(id).element;
  }

  ValueId new_gradient(ValueId of, Op consumer) {
    Value gradient = value(of);
    gradient.name = fmt::format("d({}){}", gradient.name, gradient_[static_cast<std::size_t>(of)] < 0 ? "" : "+");
    gradient.element = gradient_element(of, consumer);
    stage_.values.push_back(gradient);
    return static_cast<ValueId>(stage_.values.size()) - 1;
  }

  void differentiate() {
    for (const ValueId port : stage_.graph.ports_out) {
      const bool flows = value(port).element != Element::index;
      stage_.output_gradients.push_back(flows ? new_gradient(port, Op::add) : no_value);
      gradient_[static_cast<std::size_t>(port)] = stage_.output_gradients.back();
    }
    const auto& nodes = stage_.graph.nodes;
    for (int n = static_cast<int>(nodes.size()) - 1; n >= 0; --n) differentiate(n, nodes[static_cast<std::size_t>(n)]);
    for (const ValueId port : stage_.graph.ports_in) {
      stage_.input_gradients.push_back(gradient_[static_cast<std::size_t>(port)]);
      assert((stage_.input_gradients.back() == no_value) == (value(port).element == Element::index));
    }
  }

  void differentiate(int index, const OpNode& node) {
    const OpRow& row = op_row(node.op);
    OpStep step;
    step.node = index;
    for (std::size_t o = 0; o < node.outputs.size(); ++o)
      step.grad_outputs.push_back(holds(row.with_gradient, o) ? gradient_[static_cast<std::size_t>(node.outputs[o])]
                                                              : no_value);
    if (row.has_params) {
      step.pass = Pass::backward_weight;
      weight_.push_back(step);
    }
    if (row.differentiable == 0) return;
    step.pass = Pass::backward_input;
    const bool passes_through = node.op == Op::add;
    bool needed = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      GradientTarget target;
      if (holds(row.differentiable, i)) {
        ValueId& gradient = gradient_[static_cast<std::size_t>(node.inputs[i])];
        if (passes_through && gradient == no_value) {
          gradient = step.grad_outputs[0];
        } else {
          target = {new_gradient(node.inputs[i], node.op), gradient};
          gradient = target.out;
          needed = true;
        }
      }
      step.grad_inputs.push_back(target);
    }
    if (!needed) return;
    for (OpStep& part : parts_of(step, row.communicates())) input_.push_back(part);
  }

  // Within a layer the input gradients come first: the weight gradients then fill the flight of a transfer.
  std::vector<OpStep> merged_backward() const {
    std::vector<OpStep> merged;
    std::size_t i = 0, w = 0;
    const auto layer = [&](const OpStep& step) {
      return stage_.graph.nodes[static_cast<std::size_t>(step.node)].layer;
    };
    while (i < input_.size() || w < weight_.size()) {
      const int now = std::max(i < input_.size() ? layer(input_[i]) : -1, w < weight_.size() ? layer(weight_[w]) : -1);
      while (i < input_.size() && layer(input_[i]) == now) merged.push_back(input_[i++]);
      while (w < weight_.size() && layer(weight_[w]) == now) merged.push_back(weight_[w++]);
    }
    return merged;
  }

  // `later`: values that lists behind this one read.
  static Ports ports(const std::vector<ValueId>& arrive, const std::vector<ValueId>& leave,
                     const std::vector<bool>& later) {
    Ports ports{arrive, {}};
    for (auto port = leave.begin(); port != leave.end(); ++port) {
      const bool read_later = *port != no_value && later[static_cast<std::size_t>(*port)];
      ports.leave.push_back({*port, read_later || std::find(port + 1, leave.end(), *port) != leave.end()});
    }
    return ports;
  }

  void plan_ports() {
    const std::vector<bool> none(stage_.values.size(), false);
    std::vector<bool> by_weights = none;
    for (const OpStep& step : stage_.backward_weight)
      for (const ValueId id : values_read(stage_, step)) by_weights[static_cast<std::size_t>(id)] = true;
    const Graph& graph = stage_.graph;
    stage_.forward_ports = ports(graph.ports_in, graph.ports_out, saved_values(stage_));
    stage_.forward_only_ports = ports(graph.ports_in, graph.ports_out, none);
    stage_.backward_ports = ports(stage_.output_gradients, stage_.input_gradients, none);
    stage_.backward_input_ports = ports(stage_.output_gradients, stage_.input_gradients, by_weights);
  }

  void order_and_plan(const std::vector<OpStep>& forward) {
    stage_.forward = order_steps(stage_, forward);
    stage_.forward_only = stage_.forward;
    stage_.backward = order_steps(stage_, merged_backward());
    stage_.backward_input = order_steps(stage_, input_);
    stage_.backward_weight = weight_;
    const std::vector<bool> forgotten = forgotten_nodes(stage_.graph, recompute_);
    insert_recomputation(stage_, forgotten, {&stage_.backward});
    insert_recomputation(stage_, forgotten, {&stage_.backward_input, &stage_.backward_weight});
    if (two_hop_)
      for (StepList* list : {&stage_.forward, &stage_.forward_only, &stage_.backward, &stage_.backward_input})
        insert_relays(stage_.graph, *list);
    StepList forward_of_split = stage_.forward;
    plan_lifetimes(stage_, {&stage_.forward, &stage_.backward});
    plan_lifetimes(stage_, {&forward_of_split, &stage_.backward_input, &stage_.backward_weight});
    plan_lifetimes(stage_, {&stage_.forward_only});
    plan_ports();
  }

  RecomputeSpec recompute_;
  bool two_hop_;
  StageSteps stage_;
  std::vector<ValueId> gradient_;  // by forward value: the sum of the contributions so far
  std::vector<OpStep> input_, weight_;
};

}  // namespace

StageSteps derive_steps(Graph graph, const RecomputeSpec& recompute, bool two_hop) {
  return Derivation(std::move(graph), recompute, two_hop).derive();
}

std::vector<ValueId> values_read(const StageSteps& stage, const OpStep& step) {
  const OpNode& node = stage.graph.nodes[static_cast<std::size_t>(step.node)];
  const OpRow& row = op_row(node.op);
  std::vector<ValueId> read;
  const auto take = [&](ValueId id) {
    if (id != no_value) read.push_back(id);
  };
  if (runs_forward(step.pass)) {
    if (reads_operands(step.part)) read = node.inputs;
    return read;
  }
  const bool input = step.pass == Pass::backward_input;
  const Operands needed_inputs = input ? row.input_gradient_inputs : row.weight_gradient_inputs;
  const Operands needed_outputs = input ? row.input_gradient_outputs : row.weight_gradient_outputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (holds(needed_inputs, i)) take(node.inputs[i]);
  for (std::size_t o = 0; o < node.outputs.size(); ++o)
    if (holds(needed_outputs, o)) take(node.outputs[o]);
  if (reads_operands(step.part))
    for (ValueId gradient : step.grad_outputs) take(gradient);
  if (writes_results(step.part))
    for (const GradientTarget& target : step.grad_inputs) take(target.addend);
  return read;
}

std::vector<ValueId> values_made(const StageSteps& stage, const OpStep& step) {
  std::vector<ValueId> made;
  if (!writes_results(step.part)) return made;
  if (runs_forward(step.pass)) return stage.graph.nodes[static_cast<std::size_t>(step.node)].outputs;
  for (const GradientTarget& target : step.grad_inputs)
    if (target.out != no_value) made.push_back(target.out);
  return made;
}

std::string to_string(const StageSteps& stage, const StepList& list) {
  const auto names = [&](const std::vector<ValueId>& ids) {
    std::vector<std::string> all;
    for (ValueId id : ids)
      if (id != no_value) all.push_back(stage.values[static_cast<std::size_t>(id)].name);
    return fmt::format("{}", fmt::join(all, ", "));
  };
  constexpr EnumNames<Pass, num_passes> passes({{Pass::forward, ""},
                                                {Pass::backward_input, ".input_gradient"},
                                                {Pass::backward_weight, ".weight_gradient"},
                                                {Pass::recompute, ".recompute"}});
  constexpr EnumNames<Part, num_parts> parts(
      {{Part::whole, ""}, {Part::start, " start"}, {Part::relay, " relay"}, {Part::finish, " finish"}});
  std::string text;
  for (const OpStep& step : list) {
    const OpNode& node = stage.graph.nodes[static_cast<std::size_t>(step.node)];
    text += fmt::format("{}{}{} {}({}) -> {}", op_name(node.op), passes[step.pass], parts[step.part], node.layer,
                        names(values_read(stage, step)), names(values_made(stage, step)));
    for (const TakeOver& move : step.takes_over)
      text += fmt::format("  [{} in place]", stage.values[static_cast<std::size_t>(move.to)].name);
    if (!step.releases.empty()) text += fmt::format("  free {}", names(step.releases));
    text += '\n';
  }
  return text;
}

}  // namespace dsrun
