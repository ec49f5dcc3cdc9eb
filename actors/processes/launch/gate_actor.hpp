// The actor around a GateCore: agents report to the launcher through it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/core/gate_core.hpp"
#include "actors/messages/job.hpp"
#include "actors/messages/start.hpp"

namespace dsrun {

struct GateSetup {
  GateOptions options;
  // One of these two is called, once. on_started: all devices are there. on_start_failed: they never will be, and all
  // agents know, or had time to hear.
  std::function<void(const std::vector<caf::actor>& agents)> on_started;
  std::function<void(const std::string& cause)> on_start_failed;
  std::function<void(int node)> kill_agent;  // kills a frozen agent, where the launcher can
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
  // Makes a handler that passes its message to the core, then carries out the core's effects.
  template <class Message, class Input>
  auto heard(Input input) {
    return [this, input](const Message& message) {
      input(message);
      carry_out_effects();
    };
  }
  void enlist(const Enlist& enlist);
  void carry_out_effects();
  void carry_out(GateCore::ToAgent& effect);
  void carry_out(GateCore::Introduce& effect);
  void carry_out(GateCore::TellLoss& effect);
  void carry_out(GateCore::KillAgent& effect);
  void carry_out(GateCore::Started& effect);
  void carry_out(GateCore::StartFailed& effect);
  void carry_out(GateCore::WakeIn& effect);
  const caf::actor& agent(GateCore::Guest guest) const { return guests_[static_cast<std::size_t>(guest)]; }
  std::int64_t now_ns() const;

  Self* self_;
  GateSetup setup_;
  std::optional<GateCore> core_;
  std::vector<caf::actor> guests_;
  caf::actor coordinator_;
};

inline caf::behavior gate_actor(GateShell::Self* self, GateSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
