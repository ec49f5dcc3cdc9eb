// GateCore: what the launcher's gate decides, as a state machine without actors and clocks. It gives each agent its
// place, refuses those that do not fit, and compares clocks. It says when all hosts are there, or why they never will
// be. While the job runs, it notices which agent is silent.
//
// Feed it what agents say; after each input carry out take_effects() in order. Whoever enlists is a guest, numbered by
// the caller; a number is used once.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/fault.hpp"
#include "actors/core/job_values.hpp"
#include "actors/core/start_values.hpp"
#include "actors/core/watch/clock_comparison.hpp"
#include "actors/core/watch/heartbeats.hpp"

namespace dsrun {

struct GateHost {
  std::string name;               // as the job file calls it
  std::int64_t needed_bytes = 0;  // by its devices, as planned; 0: not checked
};

struct GateOptions {
  std::string build;
  Membership membership;        // addresses are still to come
  std::vector<GateHost> hosts;  // by node
  std::string brief;
  std::string secret;
  std::string clock;       // name of the launcher's clock: own_clock_name()
  double start_secs = 0;   // for all to come
  double freeze_secs = 0;  // of processes with a core each
};

class GateCore {
 public:
  using Guest = int;
  enum class Timer : std::uint8_t { start, beat, hear };

  struct ToAgent {
    Guest guest;
    std::variant<Begin, Refused, ClockRequest, Beat, Farewell, StopOrder> message;
  };
  struct Introduce {  // every agent to the others and to the coordinator
    std::vector<Guest> guests;
    Membership membership;
  };
  struct TellLoss {  // to the coordinator, which then no longer waits for this agent's end
    Guest guest;
    DeviceFault fault;
  };
  struct KillAgent {  // where the launcher can
    int node;
  };
  struct Started {              // all devices are there
    std::vector<Guest> guests;  // by node
  };
  struct StartFailed {  // comes after all agents have heard of the failure, or had time to
    std::string cause;
  };
  struct WakeIn {
    Timer timer;
    double secs;
  };
  using Effect = std::variant<ToAgent, Introduce, TellLoss, KillAgent, Started, StartFailed, WakeIn>;

  GateCore(GateOptions options, std::int64_t now_ns);

  void on_enlist(Guest guest, const Enlist& enlist, std::int64_t now_ns);
  void on_clock(const ClockReply& reply, std::int64_t now_ns);
  void on_here(NodeHere here);
  void on_start_fault(const StartFault& fault);
  void on_coordinator(std::int64_t now_ns);  // the coordinator is known; comes after Started
  void on_beat(const Beat& beat, std::int64_t now_ns);
  void on_farewell(const Farewell& farewell);
  void on_agent_ended(int node, const std::string& how);  // the process that the launcher started for it
  void on_guest_gone(Guest guest);                        // its connection
  void on_stop_request();                                 // before the start
  void on_timer(Timer timer, std::int64_t now_ns);

  std::vector<Effect> take_effects();

 private:
  struct Agent {
    Guest guest = -1;  // −1: not there yet
    std::string host;  // as it calls itself
    std::string clock;
    double freeze_secs = 0;
    ClockComparison comparison;  // of its CLOCK_MONOTONIC with the launcher's
    std::vector<std::string> data_addresses;
    bool here = false;  // with all its devices
    bool left = false;
  };
  Agent* agent_of(int node);  // null: there is no such host
  bool is_free(std::size_t node) const { return agents_[node].guest < 0; }
  int num_ranks(std::size_t node) const;
  int place(const Enlist& enlist) const;                                    // −1: there is none
  std::string what_is_short(std::size_t node, const Enlist& enlist) const;  // empty: nothing
  std::string who_is_missing() const;
  bool is_of_this_build(Guest guest, const Enlist& enlist);
  void admit(int node, Guest guest, const Enlist& enlist, std::int64_t now_ns);
  double crowd_of(std::size_t node, const Enlist& enlist) const;
  void ask_clock(int node, std::int64_t now_ns);
  void begin(int node);
  void on_start_timer(std::int64_t now_ns);
  void on_beat_timer(std::int64_t now_ns);
  void fail_start(const std::string& cause);
  void tell_failure();  // once every guest that has to hear of it has left
  void tell_loss(std::size_t node, FaultCause cause, const std::string& detail);
  std::string name_of(std::size_t node) const;
  template <class Message>
  void send(Guest guest, Message message) {
    effects_.push_back(ToAgent{guest, std::move(message)});
  }

  GateOptions options_;
  std::vector<Agent> agents_;  // by node
  Heartbeats beats_;           // of agents
  double most_crowded_ = 1.0;  // devices a core, the most of any host
  std::int64_t began_ns_;
  bool has_coordinator_ = false;
  bool started_ = false, failed_ = false, told_ = false;
  std::string cause_;         // of the failure
  std::set<Guest> guests_;    // those that have not left: agents of the job before its start, and refused ones
  std::string last_refused_;  // why the last agent of another build was refused, while others may still come
  std::vector<Effect> effects_;
};

}  // namespace dsrun
