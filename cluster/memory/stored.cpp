#include "cluster/memory/stored.hpp"

namespace dsrun {
namespace {

constexpr double e5m6 = 1.5;

// A product that runs in FP8 under precision.products = "fp8": not the router's, whose logits are wide, nor the head's.
bool is_narrow_product(const StageSteps& stage, const OpNode& node) {
  if (node.op == Op::grouped_linear) return true;
  return node.op == Op::linear && stage.values[static_cast<std::size_t>(node.outputs[0])].element != Element::wide;
}

// Which values FP8 products and activations read first, and which anything else reads. In backward lists: what waits
// there for its weight gradient.
struct Readers {
  std::vector<bool> narrow, wide;
};

Readers forward_readers(const StageSteps& stage) {
  Readers readers{std::vector<bool>(stage.values.size(), false), std::vector<bool>(stage.values.size(), false)};
  for (const OpNode& node : stage.graph.nodes) {
    const bool of_activation = node.op == Op::swiglu || node.op == Op::gated_swiglu;
    const bool takes = of_activation || is_narrow_product(stage, node);
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      (takes && i == 0 ? readers.narrow : readers.wide)[static_cast<std::size_t>(node.inputs[i])] = true;
  }
  return readers;
}

// A weight gradient's operands, where its product is deferred.
Readers weight_readers(const StageSteps& stage) {
  Readers readers{std::vector<bool>(stage.values.size(), false), std::vector<bool>(stage.values.size(), false)};
  for (const OpStep& step : stage.backward_weight) {
    const bool takes = is_narrow_product(stage, stage.graph.nodes[static_cast<std::size_t>(step.node)]);
    for (const ValueId id : values_read(stage, step))
      (takes ? readers.narrow : readers.wide)[static_cast<std::size_t>(id)] = true;
  }
  return readers;
}

}  // namespace

std::vector<double> saved_element_bytes(const Plan& plan, const StageSteps& stage) {
  const Precision precision = plan.job.precision.compute;
  std::vector<double> bytes;
  for (const Value& value : stage.values) bytes.push_back(static_cast<double>(element_bytes(value.element, precision)));
  if (plan.job.precision.saved != Products::fp8) return bytes;
  const std::vector<bool> saved = saved_values(stage);
  const Readers forward = forward_readers(stage), weight = weight_readers(stage);
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    if (stage.values[id].element != Element::compute) continue;
    // A value that others read as well, such as a norm's input, keeps its type.
    const bool kept = saved[id] ? forward.narrow[id] && !forward.wide[id] : weight.narrow[id] && !weight.wide[id];
    if (kept) bytes[id] = fp8_element_bytes;
  }
  for (const OpNode& node : stage.graph.nodes)
    if (node.op == Op::attention && saved[static_cast<std::size_t>(node.outputs[0])])
      bytes[static_cast<std::size_t>(node.outputs[0])] = e5m6;
  return bytes;
}

double weight_element_bytes(const Plan& plan, const TensorPart& part) {
  const auto full = static_cast<double>(element_bytes(Element::compute, plan.job.precision.compute));
  if (plan.job.precision.products != Products::fp8) return full;
  for (const ParamUse& use : part.uses) {
    const StageSteps& stage = plan.stages[static_cast<std::size_t>(use.stage)];
    for (const OpNode& node : stage.graph.nodes)
      if (!node.params.empty() && node.params[0] == use.param) {
        if (!is_narrow_product(stage, node)) return full;
        break;
      }
  }
  return 1 + 4.0 / (128 * 128);
}

}  // namespace dsrun
