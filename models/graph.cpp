#include "models/graph.hpp"

#include <cassert>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/op_table.hpp"

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
  const char* rows = value.rows == Rows::tokens ? "T" : "R";
  const char* element = value.element == Element::compute ? "" : value.element == Element::wide ? ":wide" : ":index";
  return fmt::format("{}[{}x{}{}]", value.name, rows, value.cols, element);
}

}  // namespace

Graph slice_graph(const Graph& model, int first_layer, int last_layer) {
  Graph part;
  std::vector<int> values(model.values.size(), -1), params(model.params.size(), -1);
  std::vector<int> moes(model.moe_layers.size(), -1);
  std::vector<bool> made(model.values.size(), false), used_later(model.values.size(), false);
  const auto inside = [&](const Node& node) { return node.layer >= first_layer && node.layer < last_layer; };
  for (const Node& node : model.nodes) {
    if (node.layer >= last_layer)
      for (ValueId input : node.inputs) used_later[static_cast<std::size_t>(input)] = true;
    if (!inside(node)) continue;
    Node copy = node;
    for (ValueId& input : copy.inputs) {
      const bool arrives = !made[static_cast<std::size_t>(input)];
      input = renumber(input, values, model.values, part.values);
      assert(!arrives || part.input == no_value || part.input == input);  // one value crosses a stage boundary
      if (arrives) part.input = input;
    }
    for (ValueId& output : copy.outputs) {
      made[static_cast<std::size_t>(output)] = true;
      output = renumber(output, values, model.values, part.values);
    }
    for (int& param : copy.params) param = renumber(param, params, model.params, part.params);
    if (node.moe >= 0) copy.moe = renumber(node.moe, moes, model.moe_layers, part.moe_layers);
    part.nodes.push_back(std::move(copy));
  }
  for (std::size_t i = 0; i < model.values.size(); ++i)
    if (made[i] && used_later[i]) part.output = values[i];
  return part;
}

std::string to_string(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) {
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
