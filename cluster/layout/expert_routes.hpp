// ExpertRoutes: the members with which a rank exchanges rows of experts, message by message.
//
// A scatter (dispatch, gradient of combine) takes a token's row to the members of its expert group that have one of the
// token's experts; a gather (combine, gradient of dispatch) takes sums back on the same ways. With direct dispatch
// there is a message to each member. With two hops (arXiv 2412.19437, section 3.2.2) there is one message to each other
// node. It goes to the counterpart, the member with this rank's place on that node, which relays it:
//
//   scatter   sender ──first──▶ counterpart ──second──▶ members of its node      sender ──direct──▶ members of its own
//   gather    member ──first──▶ counterpart ──second──▶ sender                   member ──direct──▶ sender, on its node
//
// A scatter's first hop carries a token's row once, whichever members of the node need it. A gather's second hop
// carries the sum of those members' results for that row.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cluster/layout/hop.hpp"
#include "models/passes/pass.hpp"

namespace dsrun {

struct Plan;

struct ExpertRoutes {
  // This rank as the owner of tokens. In a scatter it sends to `peer`; in a gather it gets the sums from there.
  struct Out {
    Peer peer;             // of the scatter: direct or first
    int first_member = 0;  // the message is for the experts of these members,
    int num_members = 1;   // consecutive
    Peer back() const { return {peer.member, peer.hop == Hop::first ? Hop::second : Hop::direct}; }
  };
  // This rank as the owner of experts. In a scatter it gets rows from `peer`; in a gather it sends its sums there.
  struct In {
    Peer peer;                 // of the scatter: direct or second
    std::vector<int> origins;  // members that own the rows' tokens, ascending
    Peer back() const { return {peer.member, peer.hop == Hop::second ? Hop::first : Hop::direct}; }
  };

  int self = 0;                   // this rank among the members
  int num_members = 1;            // of the group
  std::vector<Out> out;           // in order of members
  std::vector<In> in;             // those that come by a second hop first
  std::vector<int> node;          // members of this rank's node, itself included; empty: it relays nothing
  std::vector<int> counterparts;  // members of other nodes for which it relays, ascending; none: it relays nothing

  // The messages that a relay or finish step waits for; empty for other parts.
  const std::vector<Peer>& awaited(bool scatters, Part part) const {
    return awaited_by[static_cast<std::size_t>(part)][scatters ? 1 : 0];
  }
  std::array<std::array<std::vector<Peer>, 2>, num_parts> awaited_by;  // [part][gather, scatter]
};

ExpertRoutes expert_routes(const Plan& plan, int rank);

}  // namespace dsrun
