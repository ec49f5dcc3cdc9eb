// How a host's agent is started. The invitation then goes to its stdin.
#pragma once

#include <string>
#include <vector>

#include "dsl/specs/cluster.hpp"

namespace dsrun {

// Words of a command; `program`: dsrun here. Precondition: the launcher is local or ssh.
std::vector<std::string> agent_command(const ClusterSpec& cluster, const std::string& host, const std::string& program);

}  // namespace dsrun
