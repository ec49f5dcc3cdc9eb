// Expert rows that a rank's tokens make, expected under uniform routing with the router's group limit (arXiv
// 2412.19437, section 2.1.2): tokens choose groups_per_token groups, then experts among theirs, each choice alike.
#pragma once

#include "cluster/placement.hpp"
#include "cluster/plan.hpp"

namespace dsrun {

// That a token has one of its experts among `held` consecutive ones. Where they are neither whole groups nor within
// one, the group limit is left out, which makes it more.
double holding_probability(const ModelSpec& model, int held);

// Where the copies of a rank's token rows go, a token: once to each member of its expert group that has one of its
// experts. With two hops a row crosses the network once a node, to the device with the sender's place, and is passed
// on inside that node.
struct RowCopies {
  double here = 0;     // to this rank itself
  double local = 0;    // leave through the port inside the host, passed-on rows included
  double network = 0;  // leave through the port to other hosts
  double members = 0;  // copies in all, as received
};
RowCopies row_copies(const Plan& plan, const Placement& placement, int rank, bool two_hop);

}  // namespace dsrun
