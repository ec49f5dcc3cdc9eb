// Whether rows of experts take two hops between nodes (arXiv 2412.19437, section 3.2.2). The first hop goes to the node
// that needs the rows, to the device with the sender's place there. The second hop goes from there to that node's other
// devices.
//
// An expert group is `parallel.expert` consecutive ranks; a node is `devices` consecutive ranks. A group on several
// nodes must have the same number of devices on each, at least two, so that every sender has a counterpart.
#pragma once

#include <string>

#include "dsl/job.hpp"
#include "dsl/placement.hpp"

namespace dsrun {

// Why rows cannot take two hops; empty: they can. Precondition: the nodes have a device for each rank.
std::string two_hop_fault(const Job& job);

// Whether parallel.dispatch means two hops for this job. Precondition: the job is valid.
bool takes_two_hops(const Job& job);

}  // namespace dsrun
