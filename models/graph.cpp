#include "models/graph.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/op_table.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

template <class T>
int renumber(int old_index, std::vector<int>& map, const std::vector<T>& from, std::vector<T>& to) {
  int& index = map[static_cast<std::size_t>(old_index)];
  if (index < 0) {
    index = static_cast<int>(to.size());
    to.push_back(from[static_cast<std::size_t>(old_index)]);
  }
  return index;
}

std::string shape_of(const Value& value) {
  constexpr EnumNames<Rows, 2> rows({{Rows::tokens, "T"}, {Rows::routed, "R"}});
  constexpr EnumNames<Element, 3> elements(
      {{Element::compute, ""}, {Element::wide, ":wide"}, {Element::index, ":index"}});
  return fmt::format("{}[{}x{}{}]", value.name, rows[value.rows], value.cols, elements[value.element]);
}

}  // namespace

Graph slice_graph(const Graph& model, int first_layer, int last_layer) {
  Graph part;
  std::vector<int> values(model.values.size(), -1), params(model.params.size(), -1);
  std::vector<int> moes(model.moe_layers.size(), -1);
  std::vector<int> made_in(model.values.size(), 0), last_read_in(model.values.size(), -1);  // layers
  for (const OpNode& node : model.nodes) {
    for (const ValueId output : node.outputs) made_in[static_cast<std::size_t>(output)] = node.layer;
    for (const ValueId input : node.inputs) {
      int& last = last_read_in[static_cast<std::size_t>(input)];
      last = std::max(last, node.layer);
    }
  }
  for (const OpNode& node : model.nodes) {
    if (node.layer < first_layer || node.layer >= last_layer) continue;
    OpNode copy = node;
    for (ValueId& input : copy.inputs) input = renumber(input, values, model.values, part.values);
    for (ValueId& output : copy.outputs) output = renumber(output, values, model.values, part.values);
    for (int& param : copy.params) param = renumber(param, params, model.params, part.params);
    if (node.moe >= 0) copy.moe = renumber(node.moe, moes, model.moe_layers, part.moe_layers);
    part.nodes.push_back(std::move(copy));
  }
  for (ValueId id = 0; id < static_cast<ValueId>(model.values.size()); ++id) {
    const auto crosses = [&](int layer) {
      return made_in[static_cast<std::size_t>(id)] < layer && last_read_in[static_cast<std::size_t>(id)] >= layer;
    };
    if (crosses(first_layer)) part.ports_in.push_back(renumber(id, values, model.values, part.values));
    if (crosses(last_layer)) part.ports_out.push_back(renumber(id, values, model.values, part.values));
  }
  return part;
}

std::string to_string(const Graph& graph) {
  std::string text;
  for (const OpNode& node : graph.nodes) {
    std::vector<std::string> inputs, outputs, params;
    for (ValueId input : node.inputs) inputs.push_back(graph.values[static_cast<std::size_t>(input)].name);
    for (ValueId output : node.outputs) outputs.push_back(shape_of(graph.values[static_cast<std::size_t>(output)]));
    for (int index : node.params) {
      const Param& param = graph.params[static_cast<std::size_t>(index)];
      params.push_back(param.experts > 0
                           ? fmt::format("{}[{}x{}x{}]", param.name, param.experts, param.rows, param.cols)
                           : fmt::format("{}[{}x{}]", param.name, param.rows, param.cols));
    }
    text += fmt::format("{}({}{}{}) -> {}\n", op_name(node.op), fmt::join(inputs, ", "), params.empty() ? "" : "; ",
                        fmt::join(params, ", "), fmt::join(outputs, ", "));
  }
  return text;
}

}  // namespace dsrun
