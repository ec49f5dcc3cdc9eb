// The gate: where agents report to the launcher. It knows who belongs to the job, sends everybody the others' addresses
// when all are there, and watches the agents for as long as the job runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/messages/messages.hpp"
#include "actors/processes/launch/heartbeats.hpp"
#include "actors/processes/net/clock_comparison.hpp"

namespace dsrun {

struct GateNode {
  std::string host;  // as the job file calls it
  int first_rank = 0, num_ranks = 0;
  std::int64_t needed_bytes = 0;  // by its devices, as planned
};

struct GateSetup {
  std::string build;
  std::vector<GateNode> nodes;
  int world = 0;
  std::uint32_t generation = 0;
  std::string brief;
  std::string secret;
  double start_secs = 0;
  double freeze_secs = 0;  // of processes with a core each
  // Once: all devices are there; or why that will not be, when all agents have heard of it.
  std::function<void(const std::vector<caf::actor>& agents)> on_started;
  std::function<void(const std::string& cause)> on_start_failed;
  std::function<void(int node)> kill_agent;  // of a frozen one, where the launcher can
  std::function<void(const Spans&)> on_spans;
  std::function<void(const Links&)> on_links;
};

class GateShell {
 public:
  using Self = caf::stateful_actor<GateShell>;
  static inline const char* name = "gate";

  explicit GateShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(GateSetup setup);

 private:
  struct Agent {
    caf::actor actor;  // null: not there yet
    std::string host;  // as it calls itself
    std::string clock;
    double freeze_secs = 0;
    ClockComparison comparison;  // of its CLOCK_MONOTONIC with this process's
    std::vector<std::string> data_addresses;
    bool here = false;  // with all its devices
    bool left = false;
  };
  void on_enlist(const Enlist& enlist);
  int place(const Enlist& enlist) const;                                          // −1: there is none
  std::string what_is_short(const GateNode& wanted, const Enlist& enlist) const;  // empty: nothing
  void ask_clock(int node);
  void on_clock(const ClockReply& reply);
  void begin(int node);
  void on_here(NodeHere& here);
  void on_coordinator(const Connect& connect);
  void on_agent_ended(const ChildEnded& ended);  // child: its node
  void on_tick();
  void fail_start(const std::string& cause);
  void on_down(const caf::actor_addr& who);
  void tell_failure();  // once nobody is left who has to hear of it
  void tell_loss(std::size_t node, const std::string& detail);
  std::string name_of(std::size_t node) const;
  double now() const;
  std::int64_t now_ns() const;

  Self* self_;
  GateSetup setup_;
  std::vector<Agent> agents_;  // by node
  Heartbeats beats_;           // of agents
  double most_crowded_ = 1.0;  // devices a core, of any host
  caf::actor coordinator_;
  double began_ = 0;
  bool started_ = false, failed_ = false;
  std::string cause_;                    // of the failure
  std::vector<caf::actor_addr> guests_;  // agents that have not left: of the job before its start, and refused ones
  std::string last_refused_;             // who was of another build, while others may still come
};

inline caf::behavior gate_actor(GateShell::Self* self, GateSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
