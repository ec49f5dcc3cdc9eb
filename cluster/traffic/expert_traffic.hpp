// Expert rows that a rank's tokens make, expected under uniform routing with the router's group limit (arXiv
// 2412.19437, section 2.1.2): tokens choose groups_per_token groups, then experts within them, each choice equally
// likely.
#pragma once

#include "cluster/plan.hpp"

namespace dsrun {

// Probability that a token is routed to at least one of `held` consecutive experts. Where these are neither whole
// groups nor within one group, the group limit is ignored and the result is an upper bound.
double holding_probability(const ModelSpec& model, int held);

// Copies of a rank's token rows by destination, as a mean per token. A row goes once to each member of the expert group
// that has one of the token's experts. With two hops a row crosses the network once for each node. It goes to the
// device with the sender's place, which passes it on inside that node. By symmetry, a rank passes on as many rows of
// other ranks as other ranks pass on of its rows.
struct RowCopies {
  double here = 0;     // to this rank itself
  double direct = 0;   // to others of its node, without a relay
  double network = 0;  // to other nodes
  double relayed = 0;  // passed on to others of its node
  double kept = 0;     // rows that came to be passed on and are for the relay itself
  double members = 0;  // copies in all, as received
  // (row, expert) pairs that go with them.
  double direct_pairs = 0, network_pairs = 0, relayed_pairs = 0;
  double local() const { return direct + relayed; }  // rows that leave through the port inside the node
};
RowCopies row_copies(const Plan& plan, int rank);  // on the ways that plan.two_hop chooses

}  // namespace dsrun
