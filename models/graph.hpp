// Graph: the ordered ops of some layers for one microbatch, as a plain list; shapes are symbolic in T and R.
//
// build_graph() lists a whole model, slice_graph() a range of its layers (a pipeline stage). Everything later (backward
// lists, memory plan, executor) is derived from this value by pure passes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dsl/specs/memory.hpp"
#include "dsl/specs/model.hpp"
#include "models/element.hpp"
#include "models/op.hpp"

namespace dsrun {

using ValueId = int;  // index into Graph::values
inline constexpr ValueId no_value = -1;

enum class Rows : std::uint8_t { tokens, routed };  // T, R

struct Value {
  std::string name;
  Rows rows = Rows::tokens;
  int cols = 0;
  Element element = Element::compute;
};

enum class Init : std::uint8_t { normal, ones };

// A parameter of the whole model: [experts ×] rows × cols; experts = 0 if it does not belong to experts.
struct Param {
  std::string name;
  std::int64_t experts = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  Init init = Init::normal;
  int layer = 0;
  bool is_matrix() const { return init == Init::normal; }  // weight decay applies to matrices only
  std::int64_t size() const { return (experts > 0 ? experts : 1) * rows * cols; }
};

// The names that a job can give in memory.recompute, besides "full"; an architecture's graph says which ops belong to
// each.
enum class RecomputeSet : std::uint8_t { rms_norm, mla_up, swiglu };
using RecomputeSets = std::uint8_t;  // bits
constexpr RecomputeSets recompute_set(RecomputeSet set) {
  return static_cast<RecomputeSets>(1u << static_cast<unsigned>(set));
}
constexpr RecomputeSets recompute_sets(const RecomputeSpec& spec) {
  return static_cast<RecomputeSets>((spec.rms_norm ? recompute_set(RecomputeSet::rms_norm) : 0) |
                                    (spec.mla_up ? recompute_set(RecomputeSet::mla_up) : 0) |
                                    (spec.swiglu ? recompute_set(RecomputeSet::swiglu) : 0));
}

struct OpNode {
  Op op;
  OpAttributes attributes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<int> params;  // indices into Graph::params
  int layer = 0;            // 0 … layers-1; the embedding counts to the first, norm and head to the last
  int moe = -1;             // index of the MoE layer in this graph (its routing, its bias); -1: none
  RecomputeSets recompute_sets = 0;
};

struct Graph {
  std::vector<Value> values;
  std::vector<Param> params;
  std::vector<OpNode> nodes;
  // The ports of a stage: values that arrive from the stage before, and values that go on to the stage after. A port's
  // slot is its index; both sides of a boundary list the same values in the same order.
  std::vector<ValueId> ports_in, ports_out;
  std::vector<int> moe_layers;  // model layer of each MoE layer here
  bool embeds() const { return ports_in.empty(); }
  bool has_loss() const { return ports_out.empty(); }
};

Graph build_graph(const ModelSpec& model);  // by the model's architecture (models/arch/architecture.hpp)
// The nodes of layers [first_layer, last_layer), with values and params renumbered. A value that is made before a
// boundary and read after it is a port there. A stage that only passes it on has it as a port on both sides. Ports are
// in the order of `model.values`.
Graph slice_graph(const Graph& model, int first_layer, int last_layer);

std::string to_string(const Graph& graph);  // one line for each op, for goldens and people

}  // namespace dsrun
