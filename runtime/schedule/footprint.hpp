// What a Program makes a rank and a link hold at once; the plan sizes activations, stashes and buffers from it.
// Precondition of all: check_program() found no fault.
#pragma once

#include <vector>

#include "runtime/schedule/program.hpp"

namespace dsrun {

// The most microbatches forwarded (or being so) whose B or I is not done; an interleaved pair counts both of its own.
int peak_live_forwards(const RankProgram& rank);

// The most I whose W is not done: what they keep for it comes on top of the live forwards.
int peak_deferred_weights(const RankProgram& rank);

// The most activations and gradients on their way from one rank to another, or to itself where it holds two consecutive
// stages. "On their way" means emitted but not yet released. The maximum is over all executions that the dependencies
// allow: the sender as eager, the receiver as lazy as possible. A half emits its result when it is done (of an
// interleaved pair each half on its own, needing only its own inputs); a receiver releases a message when the whole
// instruction that reads it is done. A transport with this many credits per link never makes a sender wait.
struct LinkCredit {
  int from;
  int to;
  int num_messages;
  bool operator==(const LinkCredit&) const = default;
};
std::vector<LinkCredit> link_credits(const Program& program);  // by (from, to); only links that carry something

}  // namespace dsrun
