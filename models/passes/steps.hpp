// OpSteps: what an executor does for one microbatch of one stage, as printable lists derived from the stage's Graph.
//
// derive_steps() turns the forward list into five lists: forward, full backward, input gradients only, weight gradients
// only, and forward without any backward to come (validation). Each step says which values it makes, which memory it
// takes over, and which values no later step needs. So planned and measured memory are the same number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/graph.hpp"
#include "models/passes/pass.hpp"

namespace dsrun {

struct GradientTarget {
  ValueId out = no_value;
  ValueId addend = no_value;  // contribution of a consumer that ran earlier
  bool operator==(const GradientTarget&) const = default;
};

struct TakeOver {
  ValueId from;
  ValueId to;
};

struct OpStep {
  int node = 0;
  Pass pass = Pass::forward;
  Part part = Part::whole;
  std::vector<ValueId> grad_outputs;        // by output of the node; backward only
  std::vector<GradientTarget> grad_inputs;  // by input of the node; backward_input only
  std::vector<ValueId> allocates;           // values that get new memory here
  std::vector<TakeOver> takes_over;         // … or that get the memory of a value that dies here
  std::vector<ValueId> releases;            // values that no step needs after this one
};

using StepList = std::vector<OpStep>;

// A value that goes to a neighbour stage at the end of a list. `stays`: later steps here read it too, so a copy is
// sent.
struct Departure {
  ValueId value;
  bool stays;
};

// Values that arrive before a list's first step, and values that go on after its last, by slot; no_value: nothing.
struct Ports {
  std::vector<ValueId> arrive;
  std::vector<Departure> leave;
};

struct StageSteps {
  Graph graph;
  std::vector<Value> values;  // the graph's, then the gradients
  // By port of the graph: gradients that arrive from the stage after, and those that go back to the stage before;
  // no_value for indices.
  std::vector<ValueId> output_gradients, input_gradients;
  Ports forward_ports, forward_only_ports, backward_ports, backward_input_ports;
  StepList forward;
  StepList backward;        // both gradients; a weight gradient follows its layer's input gradients
  StepList backward_input;  // leaves what backward_weight needs
  StepList backward_weight;
  StepList forward_only;
};

// With `recompute` the backward lists compute again what the forward pass does not keep. With `two_hop` each transfer
// has its relay (models/passes/relays.hpp).
StageSteps derive_steps(Graph graph, const RecomputeSpec& recompute = {}, bool two_hop = false);

// Marks the values of the forward pass that a microbatch keeps between F and B, for the backward lists.
std::vector<bool> saved_values(const StageSteps& stage);

// The fixed order in which F&B runs its two lists: entry 0 takes the forward list's next step, 1 the backward's. They
// send in turn, the backward list first, since it has hardly anything to compute before its first transfer. So while
// one list's transfer is on its way, the other list computes up to its own. A relay is a turn like a start. Every
// member of an expert group holds the same lists, hence the same order of transfers (S-1).
std::vector<std::uint8_t> interleave(const StepList& forward, const StepList& backward);

std::string to_string(const StageSteps& stage, const StepList& list);

// The values that a step reads and makes, for passes and checks.
std::vector<ValueId> values_read(const StageSteps& stage, const OpStep& step);
std::vector<ValueId> values_made(const StageSteps& stage, const OpStep& step);

}  // namespace dsrun
