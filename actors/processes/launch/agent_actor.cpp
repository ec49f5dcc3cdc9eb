#include "actors/processes/launch/agent_actor.hpp"

#include <chrono>

#include <unistd.h>

#include "actors/core/durations.hpp"
#include "actors/processes/net/own_address.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {
namespace {

Enlist who_i_am(const AgentSetup& setup) {
  return {setup.build, setup.node,    own_host_name(),          getpid(),
          num_cores(), setup.devices, available_memory_bytes(), own_clock_name()};
}

}  // namespace

std::int64_t AgentShell::now_ns() const {
  return std::chrono::nanoseconds(self_->system().clock().now().time_since_epoch()).count();
}

template <class Message>
auto AgentShell::to_coordinator() {
  return [this](const Message& message) {
    if (coordinator_) self_->send(coordinator_, message);
  };
}

template <class Message>
auto AgentShell::to_devices() {
  return [this](const Message& message) {
    for (const int rank : core_->listening()) self_->send(processes_[rank].device, message);
  };
}

caf::behavior AgentShell::make_behavior(AgentSetup setup) {
  setup_ = std::move(setup);
  core_.emplace(who_i_am(setup_));
  self_->set_down_handler([this](const caf::down_msg&) {
    core_->on_gate_gone();
    carry_out_effects();
  });
  self_->monitor(setup_.gate);
  carry_out_effects();
  return {
      heard<Begin>([this](const Begin& begin) {
        begin_ = begin;
        core_->on_begin(begin, now_ns());
      }),
      heard<Examine>([this](const Examine& asked) {
        core_->on_examine(asked.node, asked.limit_secs);
        setup_.examine(asked, setup_.gate);
      }),
      [this](const ClockRequest& request) { answer(request); },
      heard<Refused>([this](const Refused& refused) { core_->on_refused(refused.reason); }),
      heard<DeviceHere>([this](const DeviceHere& here) { on_here(here); }),
      heard<Peers>([this](const Peers& peers) {
        coordinator_ = peers.coordinator;
        core_->on_peers(peers.membership);
      }),
      to_coordinator<Ready>(),
      to_coordinator<RoundResult>(),
      to_coordinator<RoundDone>(),
      to_coordinator<ShardSaved>(),
      to_coordinator<WaitsReport>(),
      heard<DeviceFault>([this](const DeviceFault& fault) { core_->on_fault(fault); }),
      to_devices<RoundOrder>(),
      to_devices<UpdateOrder>(),
      to_devices<SaveOrder>(),
      to_devices<WaitsRequest>(),
      heard<StopOrder>([this](StopOrder) { core_->on_stop(); }),
      [this](const Spans& spans) { self_->send(setup_.gate, spans); },
      [this](const Links& links) { self_->send(setup_.gate, links); },
      heard<Beat>([this](const Beat& beat) { core_->on_beat(beat, now_ns()); }),
      heard<Farewell>([this](const Farewell& farewell) { core_->on_farewell(farewell); }),
      heard<ProcessEnded>([this](const ProcessEnded& ended) { core_->on_process_ended(ended.pid, ended.how); }),
      heard<Wake>([this](const Wake& wake) { core_->on_timer(static_cast<AgentCore::Timer>(wake.timer), now_ns()); }),
  };
}

void AgentShell::answer(const ClockRequest& request) {
  const auto count = [](auto time) { return std::chrono::nanoseconds(time.time_since_epoch()).count(); };
  self_->send(setup_.gate,
              ClockReply{request.node, request.asked_ns, count(std::chrono::system_clock::now()), now_ns()});
}

void AgentShell::on_here(const DeviceHere& here) {
  if (core_->on_device_here(here.rank, here.pid, here.data_address, now_ns()))
    processes_[here.rank] = {here.door, here.device};
}

void AgentShell::carry_out_effects() {
  for (auto effects = core_->take_effects(); !effects.empty(); effects = core_->take_effects())
    for (AgentCore::Effect& effect : effects) std::visit([this](auto& each) { carry_out(each); }, effect);
}

void AgentShell::carry_out(AgentCore::ToGate& effect) {
  std::visit([this](auto& message) { self_->send(setup_.gate, std::move(message)); }, effect.message);
}

void AgentShell::carry_out(AgentCore::ToDoor& effect) {
  const caf::actor& door = processes_[effect.rank].door;
  if (!door) return;
  if (auto* membership = std::get_if<Membership>(&effect.message))
    self_->send(door, Peers{std::move(*membership), caf::actor_cast<caf::actor>(self_)});
  if (const auto* beat = std::get_if<Beat>(&effect.message)) self_->send(door, *beat);
  if (const auto* farewell = std::get_if<Farewell>(&effect.message)) self_->send(door, *farewell);
}

void AgentShell::carry_out(AgentCore::ToCoordinator& effect) { self_->send(coordinator_, std::move(effect.fault)); }

void AgentShell::carry_out(AgentCore::StopDevice& effect) { self_->send(processes_[effect.rank].device, StopOrder{}); }

void AgentShell::carry_out(AgentCore::StartDevice& effect) {
  try {
    const pid_t pid = setup_.start_device(begin_, effect.rank, caf::actor_cast<caf::actor>(self_));
    core_->on_started(effect.rank, pid, now_ns());
  } catch (const std::exception& error) {
    core_->on_not_started(effect.rank, error.what());
  }
}

void AgentShell::carry_out(AgentCore::KillProcess& effect) { setup_.kill_device(effect.pid); }

void AgentShell::carry_out(AgentCore::KillAll&) { setup_.kill_all(); }

void AgentShell::carry_out(AgentCore::WakeIn& effect) {
  self_->delayed_send(self_, nanoseconds(effect.secs), Wake{static_cast<int>(effect.timer), 0});
}

void AgentShell::carry_out(AgentCore::End& effect) {
  setup_.on_end(effect.cause);
  self_->quit();
}

}  // namespace dsrun
