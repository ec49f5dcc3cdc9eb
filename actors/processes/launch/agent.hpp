// The main of a host's agent.
#pragma once

#include <string>

#include "actors/processes/net/invitation.hpp"

namespace dsrun {

struct AgentOptions {
  AgentInvitation invitation;
  std::string program;        // dsrun's own path, for its devices
  int devices = 0;            // that this host offers; 0: as many as the job wants
  bool with_lifeline = true;  // its stdin tells whether the launcher lives; false: somebody else started it
};

// Until the job is over, then ends the process. Says on stderr why, unless all ended in order.
[[noreturn]] void run_agent(const AgentOptions& options);

// What both ends of a job must have in common: the version and a hash of the program.
std::string build_of(const std::string& version, const std::string& program);

// The path of this process's program.
std::string own_program();

}  // namespace dsrun
