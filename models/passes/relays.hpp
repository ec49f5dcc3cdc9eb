// Relays: the second hop of transfers of rows between nodes, at a fixed place in the step lists.
#pragma once

#include "models/passes/steps.hpp"

namespace dsrun {

// Gives each transfer of the list its relay, in the middle of the compute steps between start and finish, so that each
// hop's flight has some to fill it. A dispatch is relayed right behind its exchange_counts, which say where its rows
// go.
void insert_relays(const Graph& graph, StepList& list);

}  // namespace dsrun
