// Routing: which rows of a microbatch go where, for one MoE layer on one rank. exchange_counts makes it.
//
// Within an expert group of G ranks, rank g owns experts [g·L, (g+1)·L). A token is sent at most once to each
// destination, even if several of its experts are there (deduplicated). A destination is a rank or, with two hops,
// another node (cluster/layout/expert_routes.hpp), where a relay sends the token on, again once to each rank. The
// receiver expands it to one row per local expert. Rows at the receiver are ordered by (local expert, source rank,
// token), independent of the order of arrival and of the ways.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dsrun {

// What this rank sends to one destination. tokens[i] is the token in message row i; the pairs list its experts there.
struct SendPlan {
  std::vector<std::int32_t> tokens;  // message row → token of this rank's microbatch, ascending
  // One entry per (message row, expert of the destination), in message row order, experts ascending:
  std::vector<std::int32_t> pair_row;     // message row
  std::vector<std::int32_t> pair_expert;  // counted from the destination's first expert
  std::vector<std::int32_t> pair_slot;    // which of the token's K choices: index into gates_TK's columns
};

// What one member sent here, in that member's order of message rows: its SendPlan's pairs, received directly or from a
// relay.
struct ReceivePlan {
  std::int32_t num_rows = 0;              // message rows
  std::vector<std::int32_t> pair_row;     // message row
  std::vector<std::int32_t> pair_expert;  // local expert here
  std::vector<std::int32_t> pair_dest;    // row of rows_RD that the pair fills
};

// What one counterpart sends to this node, and how this rank passes it on. In `sends`, `tokens` are rows of the
// counterpart's message, and pair_slot is an index into that message's pairs.
struct RelayPlan {
  std::int32_t num_rows = 0, num_pairs = 0;  // of the counterpart's message
  std::vector<SendPlan> sends;               // by member of the node
};

struct Routing {
  int local_experts = 0;
  std::vector<SendPlan> sends;        // by destination
  std::vector<ReceivePlan> receives;  // by member
  std::vector<RelayPlan> relays;      // by counterpart
  std::vector<std::int64_t> offsets;  // [L + 1]: rows of local expert e are [offsets[e], offsets[e+1])
  std::int64_t num_rows() const { return offsets.empty() ? 0 : offsets.back(); }  // R
};

// Makes the sends of indices_TK (global expert numbers, row-major T × K). Destination d owns experts [first_expert[d],
// first_expert[d + 1]).
std::vector<SendPlan> plan_sends(const std::vector<int>& first_expert, const std::int32_t* indices, std::int64_t tokens,
                                 int experts_per_token);
// Plans how a counterpart's message of `num_rows` rows goes on to the node's members, each of which owns
// `local_experts` experts. `pair_expert` counts from the node's first expert.
RelayPlan plan_relay(std::int32_t num_rows, std::span<const std::int32_t> pair_row,
                     std::span<const std::int32_t> pair_expert, std::size_t num_members, int local_experts);
// Fills pair_dest of every ReceivePlan and `offsets`, once all members' pair lists are here.
void plan_receives(Routing& routing);

}  // namespace dsrun
