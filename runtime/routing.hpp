// Routing: which rows of a microbatch travel where, for one MoE layer on one rank; made by exchange_counts.
//
// Within an expert group of G ranks, rank g owns experts [g·L, (g+1)·L). A token is sent at most once to each rank,
// even if several of its experts live there (deduplicated); the receiver expands it to one row per local expert. Rows
// at the receiver are ordered by (local expert, source rank, token): independent of the order of arrival.
#pragma once

#include <cstdint>
#include <vector>

namespace dsrun {

// What this rank sends to one member: token t travels as message row i; pairs list its local experts there.
struct SendPlan {
  std::vector<std::int32_t> tokens;  // message row → token of this rank's microbatch, ascending
  // One entry per (message row, local expert of the member), in message row order, experts ascending:
  std::vector<std::int32_t> pair_row;     // message row
  std::vector<std::int32_t> pair_expert;  // local expert at the member
  std::vector<std::int32_t> pair_slot;    // which of the token's K choices: index into gates_TK's columns
};

// What one member sent here, in its own message row order (its SendPlan's pairs, as received).
struct ReceivePlan {
  std::int32_t num_rows = 0;              // message rows
  std::vector<std::int32_t> pair_row;     // message row
  std::vector<std::int32_t> pair_expert;  // local expert here
  std::vector<std::int32_t> pair_dest;    // row of rows_RD that the pair fills
};

struct Routing {
  int group_size = 1;
  int group_rank = 0;
  int local_experts = 0;
  std::vector<SendPlan> sends;        // by member
  std::vector<ReceivePlan> receives;  // by member
  std::vector<std::int64_t> offsets;  // [L + 1]: rows of local expert e are [offsets[e], offsets[e+1])
  std::int64_t num_rows() const { return offsets.empty() ? 0 : offsets.back(); }  // R
};

// Fills `sends` from indices_TK (global expert numbers, row-major T × K).
void plan_sends(Routing& routing, const std::int32_t* indices, std::int64_t tokens, int experts_per_token);
// Fills pair_dest of every ReceivePlan and `offsets`, once all members' pair lists are here.
void plan_receives(Routing& routing);

}  // namespace dsrun
