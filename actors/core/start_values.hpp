// What launcher, agents and device processes send each other before, beside and after the rounds of a job, as plain
// values. actors/messages/start.hpp sends them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/membership.hpp"

namespace dsrun {

// Agent → gate: what it is and has.
struct Enlist {
  std::string build;  // of its program
  int node = 0;       // the host for which it was started; −1: for any that is free
  std::string host;   // as it calls itself
  int pid = 0;
  int cores = 0;
  int devices = 0;  // the most that it offers; 0: as many as the job wants
  std::int64_t available_bytes = 0;
  std::string clock;  // its name: own_clock_name()
};

// Gate → agent: start the devices of your host.
struct Begin {
  int node = 0;
  Membership membership;            // without addresses, and without a plan
  std::string brief;                // of the job, for dsrun device
  std::string secret;               // of the data plane
  double freeze_secs = 0;           // a process that is silent for longer is lost
  std::int64_t clock_ahead_ns = 0;  // how far this host's CLOCK_MONOTONIC is ahead of the launcher's
};
struct Refused {
  std::string reason;
};

// Agent → gate: all its devices are there, or why they cannot be.
struct NodeHere {
  int node = 0;
  std::vector<std::string> data_addresses;  // of its ranks
};
struct StartFault {
  int node = 0;
  std::string detail;
};

inline constexpr int the_gate = -1;  // as the sender of a Beat or a Farewell

// The sender is still alive.
struct Beat {
  std::uint32_t generation = 0;
  int from = 0;  // rank of a device, node of an agent, −1 for the gate
};
// The last message of an agent or a device. The answer lets the sender end: everything that it sent before has been
// received.
struct Farewell {
  int from = 0;
};

struct ClockRequest {
  int node = 0;
  std::int64_t asked_ns = 0;  // by the gate's clock; the reply returns node and asked_ns unchanged
};
struct ClockReply {
  int node = 0;
  std::int64_t asked_ns = 0;
  std::int64_t wall_ns = 0;       // by the host's clocks: nanoseconds since 1970,
  std::int64_t monotonic_ns = 0;  // CLOCK_MONOTONIC
};

// Device → gate: what it measured.
struct Spans {
  int rank = 0;
  std::string bytes;  // of DeviceSpans, one after the other
};
struct LinkUse {
  int peer = 0;
  std::string transport;  // in UCX's words
  std::int64_t messages = 0, bytes = 0;
};
struct Links {
  int rank = 0;
  std::vector<LinkUse> peers;
  std::int64_t dropped = 0;  // messages without a valid proof that they belong to this job
};

}  // namespace dsrun
