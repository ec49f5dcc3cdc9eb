// Pass and Part: which of an op's functions a step runs, and which part of a communication op.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {

// recompute: the forward function once more, for a value that was not kept (models/passes/recompute.hpp).
enum class Pass : std::uint8_t { forward, backward_input, backward_weight, recompute };
inline constexpr std::size_t num_passes = num_enumerators<Pass>();
constexpr bool runs_forward(Pass pass) { return pass == Pass::forward || pass == Pass::recompute; }

// Communication ops take two steps: start sends, finish waits for what the peers sent. Where rows take two hops between
// nodes there is a third step, relay: it waits for rows that were sent to this device to be passed on, and passes them
// on.
enum class Part : std::uint8_t { whole, start, relay, finish };
inline constexpr std::size_t num_parts = num_enumerators<Part>();
constexpr bool reads_operands(Part part) { return part == Part::whole || part == Part::start; }
constexpr bool writes_results(Part part) { return part == Part::whole || part == Part::finish; }
constexpr bool sends(Part part) { return part == Part::start || part == Part::relay; }

}  // namespace dsrun
