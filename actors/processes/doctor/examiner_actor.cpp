#include "actors/processes/doctor/examiner_actor.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/processes/doctor/examine_host.hpp"

namespace dsrun {

template <class Message>
auto ExaminerShell::to_probe() {
  return [this](const Message& message) {
    const auto probe = static_cast<std::size_t>(message.probe);
    if (probe < probes_.size() && probes_[probe].door) self_->send(probes_[probe].door, message);
  };
}

caf::behavior ExaminerShell::make_behavior(ExaminerSetup setup) {
  setup_ = std::move(setup);
  self_->send(self_, Wake{});
  return {
      [this](Wake) { examine(); },
      [this](const ProbeHere& here) { on_here(here); },
      to_probe<ProbeOrder>(),
      to_probe<ProbePeer>(),
      [this](const ProbeAddress& address) { self_->send(setup_.gate, address); },
      [this](const LinkMeasured& measured) { self_->send(setup_.gate, measured); },
      [this](const ProcessEnded& ended) {
        self_->send(setup_.gate, ProbeLost{setup_.asked.node, fmt::format("a probe there ended: {}", ended.how)});
      },
  };
}

void ExaminerShell::examine() {
  const HostReport report = examine_host(setup_.asked);
  self_->send(setup_.gate, Examined{report, caf::actor_cast<caf::actor>(self_)});
  try {
    start_probes(report);
  } catch (const std::exception& error) {
    self_->send(setup_.gate, ProbesHere{setup_.asked.node, error.what()});
  }
}

void ExaminerShell::start_probes(const HostReport& report) {
  const std::string& wanted = setup_.asked.interface;
  if (!wanted.empty() && std::none_of(report.interfaces.begin(), report.interfaces.end(),
                                      [&](const InterfaceReport& each) { return each.name == wanted; }))
    throw std::runtime_error(fmt::format("no network interface \"{}\"", wanted));
  for (int probe = 0; probe < num_probes; ++probe)
    probes_.push_back({setup_.start_probe(probe, caf::actor_cast<caf::actor>(self_)), {}});
}

void ExaminerShell::on_here(const ProbeHere& here) {
  const auto probe = static_cast<std::size_t>(here.probe);
  if (probe >= probes_.size() || probes_[probe].process != here.pid) return;
  probes_[probe].door = here.door;
  if (std::all_of(probes_.begin(), probes_.end(), [](const Probe& each) { return static_cast<bool>(each.door); }))
    self_->send(setup_.gate, ProbesHere{setup_.asked.node, ""});
}

}  // namespace dsrun
