// The command that starts a host's agent. The invitation then goes to its stdin.
#pragma once

#include <string>
#include <vector>

#include "dsl/specs/cluster.hpp"

namespace dsrun {

// The words of the command; `program`: path of dsrun on this host. Precondition: the launcher is local or ssh.
std::vector<std::string> agent_command(const ClusterSpec& cluster, const std::string& host, const std::string& program);

}  // namespace dsrun
