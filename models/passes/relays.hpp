// Relays: the steps that pass rows on to their second hop, at a fixed place in the step lists.
#pragma once

#include "models/passes/steps.hpp"

namespace dsrun {

// Gives each transfer of the list its relay, in the middle of the compute steps between start and finish. So each hop
// has compute steps that run during its flight. A dispatch's relay comes right after the relay of its exchange_counts,
// which says where its rows go.
void insert_relays(const Graph& graph, StepList& list);

}  // namespace dsrun
