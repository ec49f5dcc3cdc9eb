// Whether rows of experts take two hops between nodes (arXiv 2412.19437, section 3.2.2). The first hop goes to the
// device with the sender's place on the node that needs the rows, the second from there to that node's other devices.
//
// Expert groups are runs of `parallel.expert` consecutive ranks, nodes runs of `devices` ranks. A group that lies on
// several nodes must have as many devices on each, so that every sender has a counterpart.
#pragma once

#include <string>

#include "dsl/job.hpp"
#include "dsl/placement.hpp"

namespace dsrun {

// Why rows cannot take two hops; empty: they can. Precondition: the nodes have a device for each rank.
std::string two_hop_fault(const Job& job);

// What parallel.dispatch means for this job. Precondition: it is valid.
bool takes_two_hops(const Job& job);

}  // namespace dsrun
