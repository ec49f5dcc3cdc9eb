// The protocol of a job's actors, whole. Devices in one process get plain values, moved; between processes the messages
// listed in wire.hpp cross. Tensors never do: they go by the data plane (runtime/transport).
//
//   launcher → coordinator   StopRequest, SaveRequest
//   coordinator → device     Connect, then Configure     answered by Ready, once its parameters are in place
//                            RoundOrder                   answered by RoundResult, then RoundDone
//                            UpdateOrder (training only)  between these two
//                            SaveOrder                    answered by ShardSaved
//                            WaitsRequest                 answered by WaitsReport, if the device is alive to say so
//                            StopOrder                    the device ends
//   device → coordinator     DeviceFault at any time; the device then answers nothing but WaitsRequest and StopOrder
//   device → device          TensorMessage
//   data plane → device      TensorMessage from another process, LinkLost
//   to itself, device        Continue: more to run. Deadline: look whether a wait has lasted too long. Arrival: an
//                            emulated link lets a message be seen
//   to itself, coordinator   Deadline: no cause came. GiveUp: devices have had their time to end
//
// With a process a device (actors/processes/) an agent on each host stands between coordinator and devices and passes
// all of the above on. Before that:
//
//   agent → gate             Enlist                       answered by Begin, or Refused
//   gate → agent             ClockRequest                 answered by ClockReply, on the spot
//   device → agent           DeviceHere, once its data plane has an address
//   agent → gate             NodeHere, when its devices are there; StartFault when they cannot be
//   gate → agent → device    Peers: where all others are; the device then makes its core, and says Ready
//   agent ↔ gate, device     Beat, answered by a Beat: still alive
//   device → agent → gate    Spans, for traces; Links, at the end, and then
//                            Farewell                     answered by Farewell; the process ends
// For `dsrun doctor` the gate is another (actors/processes/doctor/doctor_actor.hpp), and instead of Begin:
//
//   gate → agent             Examine                      answered by Examined, from the examiner that the agent makes
//   probe → examiner         ProbeHere                    two processes a host, to measure links with
//   examiner → gate          ProbesHere, or why not; ProbeLost when one of them ends
//   gate → examiner → probe  ProbeOrder                   answered by ProbeAddress: where this end of the link listens
//                            ProbePeer                    answered by LinkMeasured, by the link's first end
//
//   to itself                StartFault: an agent cannot be started; Deadline; GiveUp
//
//   to itself                ChildEnded: a process that it started has ended. Tick: time to send a Beat and to look who
//                            is silent
//
// To add a message: a struct, its line above, and its row in the list at the end, or in wire.hpp if it crosses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "actors/caf.hpp"
#include "actors/core/coordinator_core.hpp"
#include "actors/device_setup.hpp"
#include "cluster/hosts/host_report.hpp"
#include "runtime/device/message.hpp"
#include "runtime/device/protocol.hpp"

namespace dsrun {

struct Configure {
  std::shared_ptr<const DeviceSetup> setup;
};
struct Connect {
  std::vector<caf::actor> devices;  // by rank; empty: the setup knows the way
  caf::actor coordinator;
};
struct Ready {
  int rank = 0;
};
struct WaitsRequest {};
struct StopRequest {};
struct SaveRequest {};
struct Continue {};
struct Deadline {
  int number = 0;  // where several may be on their way
};
struct Arrival {
  std::int64_t at_ns = 0;
};
struct GiveUp {};
struct LinkLost {
  int peer = 0;
  std::string reason;
};

struct Enlist {
  std::string build;  // of its program
  int node = 0;       // for which it was started; −1: for any that is free
  std::string host;   // as it calls itself
  int pid = 0;
  int cores = 0;
  int devices = 0;  // at most so many; 0: as many as the job wants
  std::int64_t available_bytes = 0;
  std::string clock;  // its name: own_clock_name()
  caf::actor agent;
};
struct Begin {
  int node = 0;
  int first_rank = 0, num_ranks = 0;  // its devices'
  int world = 0;
  std::uint32_t generation = 0;
  std::string brief;                // of the job, for dsrun device
  std::string secret;               // of the data plane
  double freeze_secs = 0;           // a process that is silent for longer is lost
  std::int64_t clock_ahead_ns = 0;  // of this host's CLOCK_MONOTONIC before the launcher's
};
struct Refused {
  std::string reason;
};
struct DeviceHere {
  int rank = 0;
  int pid = 0;
  std::string data_address;  // of its UCX worker
  caf::actor door;           // hears Peers and Beat
  caf::actor device;         // hears what a coordinator says to a device
};
struct NodeHere {
  int node = 0;
  std::vector<std::string> data_addresses;  // of its ranks
};
struct StartFault {
  int node = 0;
  std::string detail;
};
struct Peers {
  std::vector<std::string> data_addresses;  // by rank
  std::vector<int> hosts;                   // by rank: the node
  caf::actor coordinator;
};
inline constexpr int the_gate = -1;  // as the sender of a Beat or a Farewell

struct Beat {
  std::uint32_t generation = 0;
  int from = 0;  // rank of a device, node of an agent, −1 for the gate
};
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
  std::int64_t dropped = 0;  // messages that did not prove to be of this job
};
// The last that an agent or a device says; the answer lets it go, for all that it said before has been heard.
struct Farewell {
  int from = 0;
};

struct ClockRequest {
  int node = 0;
  std::int64_t asked_ns = 0;  // by the gate's clock that it compares; both come back as they are
};
struct ClockReply {
  int node = 0;
  std::int64_t asked_ns = 0;
  std::int64_t wall_ns = 0;       // by the host's clocks: since 1970,
  std::int64_t monotonic_ns = 0;  // CLOCK_MONOTONIC
};
struct Examine {
  int node = 0;
  std::string host;                // as the job file calls it
  std::string build;               // the launcher's, and by now known to be the agent's
  std::string folder;              // the run's; "": there is no job
  std::string mark;                // name of a file that the launcher wrote there
  std::string mark_text;           // its content
  std::vector<std::string> files;  // of the job
  std::string interface;           // [cluster.network]
  std::string secret;              // of the data plane
  double limit_secs = 0;           // after which an agent that still lives ends itself
};
struct Examined {
  HostReport report;
  caf::actor examiner;
};
struct ProbeHere {
  int probe = 0;  // 0 or 1
  int pid = 0;
  caf::actor door;
};
struct ProbesHere {
  int node = 0;
  std::string fault;  // why they are not; "": they are
};
struct ProbeLost {
  int node = 0;
  std::string how;
};
struct ProbeOrder {
  int link = 0;   // its number; later ones are of later links
  int probe = 0;  // of the host that hears it
  int end = 0;    // 0 measures, 1 answers
};
struct ProbeAddress {
  int link = 0;
  int end = 0;
  std::string address;  // of its UCX worker
};
struct ProbePeer {
  int link = 0;
  int probe = 0;
  std::string address;  // of the other end
};
struct LinkMeasured {
  int link = 0;
  LinkMeasure measure;  // a fault, or what was measured; the nodes are the gate's to know
};

struct ChildEnded {
  pid_t child = 0;
  std::string how;
};
struct Tick {};

}  // namespace dsrun

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Configure)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Connect)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::StopRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::SaveRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::TensorMessage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Continue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Arrival)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::GiveUp)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::LinkLost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::ChildEnded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Tick)

#include "actors/messages/wire.hpp"
