// Invitations: what a process gets from the one that starts it, as one line of JSON on its stdin. An agent that
// somebody else starts reads it from a file. Invitations hold a private key: treat them as secrets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/processes/net/control_plane.hpp"
#include "cluster/membership.hpp"

namespace dsrun {

// For an agent: how to reach the launcher.
struct AgentInvitation {
  std::string job;
  int node = -1;  // −1: any node that is free
  HostPort gate;
  std::string interface;   // [cluster.network]
  std::string transports;  // …
  Credentials credentials;
};

// For a device: how to reach its agent.
struct DeviceInvitation {
  int rank = 0;
  int node = 0;
  Membership membership;  // without addresses
  HostPort agent;
  int agent_pid = 0;
  std::string interface;  // or several
  std::string transports;
  std::string secret;  // of the data plane
  double freeze_secs = 0;
  std::int64_t clock_ahead_ns = 0;  // how far the host's CLOCK_MONOTONIC is ahead of the launcher's
  std::string brief;                // of the job
  Credentials credentials;
};

// One line, without its end. Reading throws std::runtime_error.
std::string to_text(const AgentInvitation& invitation);
std::string to_text(const DeviceInvitation& invitation);
AgentInvitation read_agent_invitation(const std::string& text);
DeviceInvitation read_device_invitation(const std::string& text);

}  // namespace dsrun
