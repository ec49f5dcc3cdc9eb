// The actor of a host's agent: it starts a process for each device of its host, stands between them and the launcher,
// and sees to it that none outlives the job.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/messages/messages.hpp"
#include "actors/processes/launch/heartbeats.hpp"

namespace dsrun {

struct AgentSetup {
  int node = -1;
  int devices = 0;  // that it offers; 0: as many as wanted
  std::string build;
  caf::actor gate;
  // Starts the process of a device, of which a ChildEnded will tell. Throws std::system_error.
  std::function<pid_t(const Begin& begin, int rank, const caf::actor& agent)> start_device;
  std::function<void(pid_t)> kill_device;
  std::function<void(const Examine& asked, const caf::actor& gate)> examine;  // makes an examiner
  std::function<void()> kill_all;
  // The last that this actor does; `cause` is empty after an orderly end.
  std::function<void(const std::string& cause)> on_end;
};

class AgentShell {
 public:
  using Self = caf::stateful_actor<AgentShell>;
  static inline const char* name = "agent";

  explicit AgentShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(AgentSetup setup);

 private:
  struct Device {
    int rank = 0;
    pid_t process = 0;
    bool here = false;
    bool ended = false;
    caf::actor door, device;
    std::string data_address;
  };
  void enlist();
  void begin(const Begin& begin);
  void examine(const Examine& asked);
  void on_here(DeviceHere& here);
  void on_peers(const Peers& peers);
  void on_child_ended(const ChildEnded& ended);
  void on_fault(const DeviceFault& fault);
  void on_tick();
  void tell_loss(const Device& device, const std::string& detail);
  void stop();
  void leave_if_all_ended();
  void end(const std::string& cause);
  template <class Message>
  void to_devices(const Message& message);
  template <class Message>
  auto to_coordinator();
  double now() const;

  Self* self_;
  AgentSetup setup_;
  Begin begin_;
  std::vector<Device> devices_;
  Heartbeats beats_;      // of devices
  Heartbeats gate_beat_;  // of the gate
  caf::actor coordinator_;
  std::vector<DeviceFault> early_faults_;  // before the coordinator was known
  bool began_ = false;                     // Begin or Examine has come
  bool stopping_ = false;
  bool over_ = false;
};

inline caf::behavior agent_actor(AgentShell::Self* self, AgentSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
