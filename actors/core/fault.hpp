// DeviceFault: what was lost, who lost it, and why. Programs read its fields; people get the text that in_words() makes
// from them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dsl/placement.hpp"
#include "runtime/device/message.hpp"

namespace dsrun {

// What a new start would have to replace.
enum class Lost : std::uint8_t {
  step,  // the running step alone: every process lives
  rank,  // the state of one rank
  host,  // the state of all ranks of a host
  job,   // no other member can help: a checkpoint cannot be read or written
};

enum class FaultCause : std::uint8_t {
  error,              // what `op` names threw
  storage,            // … of a checkpoint that could not be read or written
  wait,               // a message did not come in time
  link_broken,        // to `peer`
  process_ended,      // of one device; its agent saw it
  process_silent,     // … and did not beat
  agent_ended,        // of a host; the launcher saw it
  agent_silent,       // … and did not beat, or the host is cut off
  agent_unreachable,  // its connection ended: the watcher of its process may report more later
  actor_ended,        // of a device in the launcher's own process
  actor_silent,       // its process lives, but the actor answers nothing
};

Lost lost_by(FaultCause cause);

struct DeviceFault {
  int rank = 0;       // the rank that cannot go on; of a lost host, its first
  int num_ranks = 1;  // of a host
  std::string host;   // of the process or agent; "": the plan says which
  std::string op;     // what the rank did: an op and its microbatch, "saving its state"
  FaultCause cause = FaultCause::error;
  double secs = 0;         // how long the rank waited, or the lost one was silent
  int peer = -1;           // to which a link broke
  std::string detail;      // in the words of the one that noticed it: what was thrown, how a process ended
  std::vector<Tag> waits;  // what the rank waits for

  Lost lost() const { return lost_by(cause); }
};

// Whether another rank's fault may be behind this cause, or others' waits belong to its report.
bool needs_explanation(FaultCause cause);
// A wait or a broken link is only a symptom. A loss that a watcher has seen explains more, and so does a cause of its
// own.
bool explains_more(const DeviceFault& fault, const DeviceFault& than);

// "rank 3"; where the job has several hosts, "rank 3 on host b".
std::string rank_words(const Placement& placement, int rank);
// "activations … from rank 3 on host b"
std::string wait_words(const Placement& placement, const Tag& tag);

// "rank 2: its process on host b: killed by signal 9". `placement`: null where it is not known.
std::string in_words(const DeviceFault& fault, const Placement* placement);
// Its last part: "killed by signal 9".
std::string what_happened(const DeviceFault& fault, const Placement* placement);

}  // namespace dsrun
