// The actor around an AgentCore: it starts and kills processes, and passes on messages between devices and launcher.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/core/agent_core.hpp"
#include "actors/messages/doctor.hpp"
#include "actors/messages/job.hpp"
#include "actors/messages/start.hpp"

namespace dsrun {

struct AgentSetup {
  int node = -1;
  int devices = 0;  // the most that it offers; 0: as many as the job wants
  std::string build;
  caf::actor gate;
  // Starts the process of a device; a ProcessEnded will report its end. Throws std::system_error.
  std::function<pid_t(const Begin& begin, int rank, const caf::actor& agent)> start_device;
  std::function<void(pid_t)> kill_device;
  std::function<void(const Examine& asked, const caf::actor& gate)> examine;  // makes an examiner
  std::function<void()> kill_all;
  // The last call that this actor makes; `cause` is empty after an orderly end.
  std::function<void(const std::string& cause)> on_end;
};

class AgentShell {
 public:
  using Self = caf::stateful_actor<AgentShell>;
  static inline const char* name = "agent";

  explicit AgentShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(AgentSetup setup);

 private:
  struct Process {
    caf::actor door, device;
  };
  // Makes a handler that passes its message to the core, then carries out the core's effects.
  template <class Message, class Input>
  auto heard(Input input) {
    return [this, input](const Message& message) {
      input(message);
      carry_out_effects();
    };
  }
  template <class Message>
  auto to_devices();
  template <class Message>
  auto to_coordinator();
  void on_here(const DeviceHere& here);
  void answer(const ClockRequest& request);
  void carry_out_effects();
  void carry_out(AgentCore::ToGate& effect);
  void carry_out(AgentCore::ToDoor& effect);
  void carry_out(AgentCore::ToCoordinator& effect);
  void carry_out(AgentCore::StopDevice& effect);
  void carry_out(AgentCore::StartDevice& effect);
  void carry_out(AgentCore::KillProcess& effect);
  void carry_out(AgentCore::KillAll& effect);
  void carry_out(AgentCore::WakeIn& effect);
  void carry_out(AgentCore::End& effect);
  std::int64_t now_ns() const;

  Self* self_;
  AgentSetup setup_;
  std::optional<AgentCore> core_;
  Begin begin_;
  std::map<int, Process> processes_;  // by rank
  caf::actor coordinator_;
};

inline caf::behavior agent_actor(AgentShell::Self* self, AgentSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
