#include "actors/processes/doctor/doctor_actor.hpp"

#include <chrono>

#include "actors/core/durations.hpp"

namespace dsrun {
namespace {

std::int64_t wall_ns() { return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

caf::behavior DoctorShell::make_behavior(DoctorSetup setup) {
  setup_ = std::move(setup);
  core_.emplace(std::move(setup_.options));
  self_->set_down_handler([this](const caf::down_msg& down) {
    for (std::size_t guest = 0; guest < guests_.size(); ++guest)
      if (guests_[guest].address() == down.source) core_->on_guest_gone(static_cast<int>(guest));
    carry_out_effects();
  });
  self_->send(self_, Wake{});  // carries out what the core wants from the start
  return {
      heard<Wake>([this](const Wake& wake) { core_->on_timer(wake.number); }),
      heard<Enlist>([this](const Enlist& message) { enlist(message); }),
      heard<ClockReply>([this](const ClockReply& reply) { core_->on_clock(reply, wall_ns()); }),
      heard<Examined>([this](const Examined& examined) {
        examiners_[examined.report.node] = examined.examiner;
        core_->on_examined(examined.report);
      }),
      heard<ProbesHere>([this](const ProbesHere& here) { core_->on_probes(here); }),
      heard<ProbeLost>([this](const ProbeLost& lost) { core_->on_probe_lost(lost); }),
      heard<ProbeAddress>([this](const ProbeAddress& address) { core_->on_address(address); }),
      heard<LinkMeasured>([this](const LinkMeasured& measured) { core_->on_measured(measured); }),
      heard<StartFault>([this](const StartFault& fault) { core_->on_lost(fault.node, fault.detail); }),
      heard<AgentEnded>(
          [this](const AgentEnded& ended) { core_->on_lost(ended.node, "its agent ended: " + ended.how); }),
      heard<Farewell>([this](const Farewell& farewell) { core_->on_farewell(farewell); }),
      heard<StopRequest>([this](StopRequest) { core_->on_stop_request(); }),
  };
}

void DoctorShell::enlist(const Enlist& enlist) {
  const auto guest = static_cast<DoctorCore::Guest>(guests_.size());
  guests_.push_back(caf::actor_cast<caf::actor>(self_->current_sender()));
  self_->monitor(guests_.back());
  core_->on_enlist(guest, enlist, wall_ns());
}

void DoctorShell::carry_out_effects() {
  for (DoctorCore::Effect& effect : core_->take_effects()) std::visit([this](auto& each) { carry_out(each); }, effect);
}

void DoctorShell::carry_out(DoctorCore::ToAgent& effect) {
  const caf::actor& agent = guests_[static_cast<std::size_t>(effect.guest)];
  std::visit([&](auto& message) { self_->send(agent, std::move(message)); }, effect.message);
}

void DoctorShell::carry_out(DoctorCore::ToExaminer& effect) {
  std::visit([&](const auto& message) { self_->send(examiners_[effect.node], message); }, effect.message);
}

void DoctorShell::carry_out(DoctorCore::WakeIn& effect) {
  self_->delayed_send(self_, nanoseconds(effect.secs), Wake{0, effect.number});
}

void DoctorShell::carry_out(DoctorCore::Measured& effect) {
  if (setup_.on_measured) setup_.on_measured(effect.link, effect.num_links);
}

void DoctorShell::carry_out(DoctorCore::End& effect) {
  setup_.on_end(std::move(effect.reports), std::move(effect.links));
  self_->quit();
}

}  // namespace dsrun
