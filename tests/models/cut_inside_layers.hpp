// Graphs whose stages meet inside a layer, so that several values cross a boundary.
#pragma once

#include <string>

#include <fmt/format.h>

#include "models/graph.hpp"

namespace dsrun::test {

// Each layer's ops up to the one that makes `value` count to the layer before: the boundary moves behind them.
inline Graph cut_behind(Graph graph, const std::string& value, int layers) {
  std::vector<std::size_t> last(static_cast<std::size_t>(layers), 0);  // by layer: its last op that moves
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const OpNode& node = graph.nodes[n];
    for (const ValueId id : node.outputs)
      if (node.layer < layers &&
          graph.values[static_cast<std::size_t>(id)].name == fmt::format("{}.{}", node.layer, value))
        last[static_cast<std::size_t>(node.layer)] = n;
  }
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    OpNode& node = graph.nodes[n];
    if (node.layer > 0 && node.layer < layers && n <= last[static_cast<std::size_t>(node.layer)]) --node.layer;
  }
  return graph;
}

// Two ports: the residual stream, and what the feed-forward part reads of it.
inline Graph cut_behind_mlp_norm(const Graph& graph, int layers) { return cut_behind(graph, "mlp_norm", layers); }
// Four ports of different widths: the residual stream, queries, keys and values, and rotated keys.
inline Graph cut_before_attention(const Graph& graph, int layers) { return cut_behind(graph, "kv", layers); }

// The embedding is read by the last layer once more, as keys shared across layers would be: stages in between pass it
// on, and have it as a port on both sides.
inline Graph with_embedding_at_the_end(Graph graph) {
  const ValueId embedding = graph.nodes[0].outputs[0];
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    OpNode& node = graph.nodes[n];
    if (node.op != Op::add) continue;
    node.inputs[0] = embedding;  // in place of the residual stream
    break;
  }
  return graph;
}

}  // namespace dsrun::test
