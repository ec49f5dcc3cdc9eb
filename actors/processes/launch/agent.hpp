// The main of a host's agent.
#pragma once

#include <string>

#include "actors/processes/net/invitation.hpp"

namespace dsrun {

struct AgentOptions {
  AgentInvitation invitation;
  std::string program;        // dsrun's own path, for its devices
  int devices = 0;            // that this host offers; 0: as many as the job wants
  bool with_lifeline = true;  // its stdin closes when the launcher ends; false: somebody else started it
};

// Runs until the job is over, then ends the process. Prints the cause on stderr unless the end is orderly.
[[noreturn]] void run_agent(const AgentOptions& options);

// What both ends of a job must have in common: the version and a hash of the program.
std::string build_of(const std::string& version, const std::string& program);

// The path of this process's program.
std::string own_program();

}  // namespace dsrun
