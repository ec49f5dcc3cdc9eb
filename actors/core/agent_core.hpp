// AgentCore: what the agent of a host decides, as a state machine without actors, processes and clocks. It has a
// process started for each device of its host, and introduces the devices to the others. It notices which process dies
// or is silent, and ends them all with the job.
//
// Feed it what launcher, devices and the kernel say; after each input carry out take_effects() in order. Messages
// between devices and coordinator do not enter this core: its actor passes orders to listening() and answers to the
// coordinator.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "actors/core/fault.hpp"
#include "actors/core/job_values.hpp"
#include "actors/core/start_values.hpp"
#include "actors/core/watch/heartbeats.hpp"

namespace dsrun {

class AgentCore {
 public:
  enum class Timer : std::uint8_t { begin, beat, stop, part };

  struct ToGate {
    std::variant<Enlist, NodeHere, StartFault, Beat, Farewell> message;
  };
  struct ToDoor {  // of a device's process
    int rank;
    std::variant<Membership, Beat, Farewell> message;
  };
  struct ToCoordinator {
    DeviceFault fault;
  };
  struct StopDevice {
    int rank;
  };
  struct StartDevice {  // answered by on_started or on_not_started
    int rank;
  };
  struct KillProcess {
    int pid;
  };
  struct KillAll {};
  struct WakeIn {
    Timer timer;
    double secs;
  };
  struct End {          // all is over: the last effect
    std::string cause;  // "": in order
  };
  using Effect =
      std::variant<ToGate, ToDoor, ToCoordinator, StopDevice, StartDevice, KillProcess, KillAll, WakeIn, End>;

  explicit AgentCore(Enlist self);  // enlists with the gate

  void on_begin(const Begin& begin, std::int64_t now_ns);
  void on_started(int rank, int pid, std::int64_t now_ns);
  void on_not_started(int rank, const std::string& why);
  void on_examine(int node, double limit_secs);  // an examination, instead of Begin
  void on_refused(const std::string& reason);
  // False: this agent did not start that process.
  bool on_device_here(int rank, int pid, std::string data_address, std::int64_t now_ns);
  void on_peers(const Membership& membership);  // with addresses; the coordinator is known
  void on_fault(const DeviceFault& fault);      // of a device
  void on_beat(const Beat& beat, std::int64_t now_ns);
  void on_farewell(const Farewell& farewell);
  void on_process_ended(int pid, const std::string& how);
  void on_gate_gone();
  void on_stop();
  void on_timer(Timer timer, std::int64_t now_ns);

  std::vector<Effect> take_effects();
  std::vector<int> listening() const;  // ranks that are there and have not ended
  bool has_coordinator() const { return has_coordinator_; }

 private:
  struct Device {
    int rank = 0;
    int pid = 0;
    bool here = false;
    bool ended = false;
    std::string data_address;
  };
  Device* device_of(int rank);  // null: the rank is not on this host
  void start_next(std::int64_t now_ns);
  void on_beat_timer(std::int64_t now_ns);
  void tell_loss(const Device& device, FaultCause cause, const std::string& how);
  void leave_if_all_ended();
  void end(const std::string& cause);
  template <class Message>
  void to_gate(Message message) {
    effects_.push_back(ToGate{std::move(message)});
  }

  Enlist self_;
  int node_;
  Membership membership_;
  std::vector<int> to_start_;  // ranks, the next one last
  bool starting_ = false;      // the answer to a StartDevice is to come
  std::vector<Device> devices_;
  Heartbeats beats_;                       // of devices
  Heartbeats gate_beat_;                   // of the gate
  std::vector<DeviceFault> early_faults_;  // before the coordinator was known
  bool has_coordinator_ = false;
  bool began_ = false;  // Begin or Examine has come
  bool stopping_ = false;
  bool over_ = false;
  std::vector<Effect> effects_;
};

}  // namespace dsrun
