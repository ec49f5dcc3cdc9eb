// The protocol of processes: how agents and devices start, stay watched, and end.
//
//   agent → gate             Enlist                       answered by Begin, or Refused; its sender is the agent
//   gate → agent             ClockRequest                 answered by ClockReply, on the spot
//   device → agent           DeviceHere, once its data plane has an address
//   agent → gate             NodeHere, when its devices are there; StartFault when they cannot be
//   launcher → gate          CoordinatorHere
//   gate → agent → device    Peers: where all others are; the device then makes its core, and says Ready
//   agent ↔ gate, device     Beat, answered by a Beat: still alive
//   device → agent → gate    Spans, for traces; Links, at the end, and then
//                            Farewell                     answered by Farewell; the process ends
//   to itself                ProcessEnded: a process that it started ended. AgentEnded: the process ended that the
//                            launcher started for an agent. StartFault: an agent cannot be started. Wake
//
// Plain values are in actors/core/start_values.hpp; here are those that hold actors. To add a message: as in job.hpp.
#pragma once

#include <string>

#include <sys/types.h>

#include "actors/caf.hpp"
#include "actors/core/start_values.hpp"
#include "actors/messages/instances.hpp"

namespace dsrun {

struct DeviceHere {
  int rank = 0;
  int pid = 0;
  std::string data_address;  // of its UCX worker
  caf::actor door;           // hears Peers and Beat
  caf::actor device;         // hears what a coordinator says to a device
};
struct CoordinatorHere {
  caf::actor coordinator;
};
struct Peers {
  Membership membership;  // with addresses
  caf::actor coordinator;
};
struct ProcessEnded {
  pid_t pid = 0;
  std::string how;
};
struct AgentEnded {
  int node = 0;
  std::string how;
};

// NOLINTBEGIN: CAF finds these by name.
template <class I>
typename I::result_type inspect(I& f, Membership& x) {
  return f(x.generation, x.hosts, x.addresses);
}
template <class I>
typename I::result_type inspect(I& f, Enlist& x) {
  return f(x.build, x.node, x.host, x.pid, x.cores, x.devices, x.available_bytes, x.clock);
}
template <class I>
typename I::result_type inspect(I& f, Begin& x) {
  return f(x.node, x.membership, x.brief, x.secret, x.freeze_secs, x.clock_ahead_ns);
}
template <class I>
typename I::result_type inspect(I& f, DeviceHere& x) {
  return f(x.rank, x.pid, x.data_address, x.door, x.device);
}
template <class I>
typename I::result_type inspect(I& f, NodeHere& x) {
  return f(x.node, x.data_addresses);
}
template <class I>
typename I::result_type inspect(I& f, Peers& x) {
  return f(x.membership, x.coordinator);
}
template <class I>
typename I::result_type inspect(I& f, Refused& x) {
  return f(x.reason);
}
template <class I>
typename I::result_type inspect(I& f, StartFault& x) {
  return f(x.node, x.detail);
}
template <class I>
typename I::result_type inspect(I& f, Beat& x) {
  return f(x.generation, x.from);
}
template <class I>
typename I::result_type inspect(I& f, Farewell& x) {
  return f(x.from);
}
template <class I>
typename I::result_type inspect(I& f, Spans& x) {
  return f(x.rank, x.bytes);
}
template <class I>
typename I::result_type inspect(I& f, Links& x) {
  return f(x.rank, x.peers, x.dropped);
}
template <class I>
typename I::result_type inspect(I& f, LinkUse& x) {
  return f(x.peer, x.transport, x.messages, x.bytes);
}
template <class I>
typename I::result_type inspect(I& f, ClockRequest& x) {
  return f(x.node, x.asked_ns);
}
template <class I>
typename I::result_type inspect(I& f, ClockReply& x) {
  return f(x.node, x.asked_ns, x.wall_ns, x.monotonic_ns);
}
// NOLINTEND

}  // namespace dsrun

// Messages that cross between processes, and messages that stay in one.
#define DSRUN_START_CROSSING(X) \
  X(Enlist)                     \
  X(Begin)                      \
  X(DeviceHere)                 \
  X(NodeHere) X(Peers) X(Refused) X(StartFault) X(Beat) X(Farewell) X(Spans) X(Links) X(ClockRequest) X(ClockReply)
#define DSRUN_START_LOCAL(X) X(CoordinatorHere) X(ProcessEnded) X(AgentEnded)

#define DSRUN_STAYS(T) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::T)
DSRUN_START_LOCAL(DSRUN_STAYS)
#undef DSRUN_STAYS

#define DSRUN_CROSSES(T) CAF_ADD_TYPE_ID(dsrun_start, (dsrun::T))
CAF_BEGIN_TYPE_ID_BLOCK(dsrun_start, caf::first_custom_type_id + 40)
DSRUN_START_CROSSING(DSRUN_CROSSES)
CAF_END_TYPE_ID_BLOCK(dsrun_start)
#undef DSRUN_CROSSES

DSRUN_START_CROSSING(DSRUN_MADE_ELSEWHERE)
DSRUN_START_LOCAL(DSRUN_MADE_ELSEWHERE)
