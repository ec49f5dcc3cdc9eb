// A second, independent reading of Programs for tests: it shares no code with the checker or dataflow.hpp and is
// written to be obvious, not fast.
#pragma once

#include <map>
#include <utility>

#include "runtime/schedule/program.hpp"

namespace dsrun::reference {

// Runs the Program like an interpreter would: true if every rank comes to its end, having done everything once.
bool is_valid(const Program& program, bool forward_only);

// The most messages on their way per (from, to) over every state that any execution can reach, half by half.
std::map<std::pair<int, int>, int> most_in_flight(const Program& program);

}  // namespace dsrun::reference
