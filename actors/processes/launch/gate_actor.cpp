#include "actors/processes/launch/gate_actor.hpp"

#include <chrono>

#include "actors/core/durations.hpp"

namespace dsrun {

std::int64_t GateShell::now_ns() const {
  return std::chrono::nanoseconds(self_->system().clock().now().time_since_epoch()).count();
}

caf::behavior GateShell::make_behavior(GateSetup setup) {
  setup_ = std::move(setup);
  core_.emplace(std::move(setup_.options), now_ns());
  self_->set_down_handler([this](const caf::down_msg& down) {
    for (std::size_t guest = 0; guest < guests_.size(); ++guest)
      if (agent(static_cast<int>(guest)).address() == down.source) core_->on_guest_gone(static_cast<int>(guest));
    carry_out_effects();
  });
  carry_out_effects();
  return {
      heard<Enlist>([this](const Enlist& message) { enlist(message); }),
      heard<ClockReply>([this](const ClockReply& reply) { core_->on_clock(reply, now_ns()); }),
      heard<NodeHere>([this](const NodeHere& here) { core_->on_here(here); }),
      heard<StartFault>([this](const StartFault& fault) { core_->on_start_fault(fault); }),
      heard<CoordinatorHere>([this](const CoordinatorHere& here) {
        coordinator_ = here.coordinator;
        core_->on_coordinator(now_ns());
      }),
      heard<Beat>([this](const Beat& beat) { core_->on_beat(beat, now_ns()); }),
      heard<Farewell>([this](const Farewell& farewell) { core_->on_farewell(farewell); }),
      heard<AgentEnded>([this](const AgentEnded& ended) { core_->on_agent_ended(ended.node, ended.how); }),
      heard<Wake>([this](const Wake& wake) { core_->on_timer(static_cast<GateCore::Timer>(wake.timer), now_ns()); }),
      heard<StopRequest>([this](StopRequest) { core_->on_stop_request(); }),
      [this](const Spans& spans) { setup_.on_spans(spans); },
      [this](const Links& links) { setup_.on_links(links); },
      [this](StopOrder) { self_->quit(); },
  };
}

void GateShell::enlist(const Enlist& enlist) {
  const auto guest = static_cast<GateCore::Guest>(guests_.size());
  guests_.push_back(caf::actor_cast<caf::actor>(self_->current_sender()));
  self_->monitor(guests_.back());
  core_->on_enlist(guest, enlist, now_ns());
}

void GateShell::carry_out_effects() {
  for (GateCore::Effect& effect : core_->take_effects()) std::visit([this](auto& each) { carry_out(each); }, effect);
}

void GateShell::carry_out(GateCore::ToAgent& effect) {
  std::visit([&](auto& message) { self_->send(agent(effect.guest), std::move(message)); }, effect.message);
}

void GateShell::carry_out(GateCore::Introduce& effect) {
  const Peers peers{std::move(effect.membership), coordinator_};
  for (const GateCore::Guest guest : effect.guests) self_->send(agent(guest), peers);
}

// Of a host that is cut off CAF hears nothing more: the gate says in its stead that the agent is gone.
void GateShell::carry_out(GateCore::TellLoss& effect) {
  self_->send(coordinator_, std::move(effect.fault));
  self_->send(coordinator_,
              caf::down_msg{agent(effect.guest).address(), caf::error(caf::exit_reason::remote_link_unreachable)});
}

void GateShell::carry_out(GateCore::KillAgent& effect) { setup_.kill_agent(effect.node); }

void GateShell::carry_out(GateCore::Started& effect) {
  std::vector<caf::actor> agents;
  for (const GateCore::Guest guest : effect.guests) agents.push_back(agent(guest));
  setup_.on_started(agents);
}

void GateShell::carry_out(GateCore::StartFailed& effect) { setup_.on_start_failed(effect.cause); }

void GateShell::carry_out(GateCore::WakeIn& effect) {
  self_->delayed_send(self_, nanoseconds(effect.secs), Wake{static_cast<int>(effect.timer), 0});
}

}  // namespace dsrun
