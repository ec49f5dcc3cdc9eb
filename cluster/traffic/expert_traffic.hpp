// Expert rows that a rank's tokens make, expected under uniform routing with the router's group limit (arXiv
// 2412.19437, section 2.1.2): tokens choose groups_per_token groups, then experts among theirs, each choice alike.
#pragma once

#include "cluster/plan.hpp"

namespace dsrun {

// Probability that a token is routed to at least one of `held` consecutive experts. Where these are neither whole
// groups nor within one group, the group limit is ignored and the result is an upper bound.
double holding_probability(const ModelSpec& model, int held);

// Copies of a rank's token rows by where they go, as a mean per token. A row goes once to each member of the expert
// group that has one of the token's experts. With two hops a row crosses the network once a node, to the device with
// the sender's place, and is passed on inside that node. By symmetry a rank passes on as many rows of others as others
// pass on of its own.
struct RowCopies {
  double here = 0;     // to this rank itself
  double direct = 0;   // to others of its node, without a relay
  double network = 0;  // to other nodes
  double relayed = 0;  // passed on to others of its node, and
  double kept = 0;     // of those passed on, what stays with the relay
  double members = 0;  // copies in all, as received
  // (row, expert) pairs that go with them.
  double direct_pairs = 0, network_pairs = 0, relayed_pairs = 0;
  double local() const { return direct + relayed; }  // leave through the port inside the node
};
RowCopies row_copies(const Plan& plan, int rank);  // as plan.two_hop has it

}  // namespace dsrun
