#include "actors/processes/launch/agent_actor.hpp"

#include <algorithm>
#include <chrono>

#include <unistd.h>

#include <fmt/format.h>

#include "actors/core/durations.hpp"
#include "actors/processes/net/clock_comparison.hpp"
#include "actors/processes/net/own_address.hpp"
#include "runtime/machine/peak.hpp"
#include "runtime/memory/memory.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_begin = 30s;   // for the answer to an Enlist
constexpr int deadline_to_begin = 1;  // the number of its Deadline
constexpr auto time_to_stop = 4s;     // for devices, after StopOrder
constexpr auto time_to_part = 1s;     // for the answer to a Farewell

}  // namespace

double AgentShell::now() const {
  return std::chrono::duration<double>(self_->system().clock().now().time_since_epoch()).count();
}

template <class Message>
auto AgentShell::to_coordinator() {
  return [this](const Message& message) {
    if (coordinator_) self_->send(coordinator_, message);
  };
}

template <class Message>
void AgentShell::to_devices(const Message& message) {
  for (const Device& device : devices_)
    if (device.device && !device.ended) self_->send(device.device, message);
}

caf::behavior AgentShell::make_behavior(AgentSetup setup) {
  setup_ = std::move(setup);
  self_->set_down_handler([this](const caf::down_msg&) {
    if (!over_) end(stopping_ ? "" : "the launcher is gone");
  });
  self_->monitor(setup_.gate);
  enlist();
  return {
      [this](const Begin& message) { begin(message); },
      [this](const Examine& asked) { examine(asked); },
      [this](const ClockRequest& request) {
        const auto count = [](auto time) { return std::chrono::nanoseconds(time.time_since_epoch()).count(); };
        self_->send(setup_.gate, ClockReply{request.node, request.asked_ns, count(std::chrono::system_clock::now()),
                                            count(self_->system().clock().now())});
      },
      [this](const Refused& refused) { end(refused.reason); },
      [this](DeviceHere& here) { on_here(here); },
      [this](const Peers& peers) { on_peers(peers); },
      to_coordinator<Ready>(),
      to_coordinator<RoundResult>(),
      to_coordinator<RoundDone>(),
      to_coordinator<ShardSaved>(),
      to_coordinator<WaitsReport>(),
      [this](const DeviceFault& fault) { on_fault(fault); },
      [this](const RoundOrder& order) { to_devices(order); },
      [this](const UpdateOrder& order) { to_devices(order); },
      [this](const SaveOrder& order) { to_devices(order); },
      [this](const WaitsRequest& request) { to_devices(request); },
      [this](StopOrder) { stop(); },
      [this](const Spans& spans) { self_->send(setup_.gate, spans); },
      [this](const Links& links) { self_->send(setup_.gate, links); },
      [this](const Beat& beat) {
        if (beat.from == the_gate)
          gate_beat_.heard(beat.generation, the_gate, now());
        else
          beats_.heard(beat.generation, beat.from, now());
      },
      [this](const Farewell& farewell) {
        if (farewell.from == the_gate) return end("");
        for (const Device& device : devices_)
          if (device.rank == farewell.from) self_->send(device.door, Farewell{the_gate});
      },
      [this](const ChildEnded& ended) { on_child_ended(ended); },
      [this](Tick) { on_tick(); },
      [this](GiveUp) { setup_.kill_all(); },
      [this](const Deadline& deadline) {
        if (deadline.number == deadline_to_begin && began_) return;
        end(deadline.number == deadline_to_begin ? "the launcher gives no answer" : "");
      },
  };
}

void AgentShell::enlist() {
  self_->send(setup_.gate, Enlist{setup_.build, setup_.node, own_host_name(), getpid(), num_cores(), setup_.devices,
                                  available_memory_bytes(), own_clock_name(), caf::actor_cast<caf::actor>(self_)});
  self_->delayed_send(self_, time_to_begin, Deadline{deadline_to_begin});
}

void AgentShell::begin(const Begin& begin) {
  began_ = true;
  begin_ = begin;
  beats_ = Heartbeats(begin.generation, begin.freeze_secs);
  gate_beat_ = Heartbeats(begin.generation, begin.freeze_secs);
  for (int i = 0; i < begin.num_ranks; ++i) {
    Device device;
    device.rank = begin.first_rank + i;
    try {
      device.process = setup_.start_device(begin, device.rank, caf::actor_cast<caf::actor>(self_));
    } catch (const std::exception& error) {
      self_->send(setup_.gate, StartFault{begin.node, fmt::format("rank {}: {}", device.rank, error.what())});
      return stop();
    }
    devices_.push_back(std::move(device));
  }
  gate_beat_.watch(the_gate, now());
  on_tick();
}

void AgentShell::examine(const Examine& asked) {
  began_ = true;
  begin_.node = asked.node;
  self_->delayed_send(self_, nanoseconds(asked.limit_secs), Deadline{});
  setup_.examine(asked, setup_.gate);
}

void AgentShell::on_here(DeviceHere& here) {
  for (Device& device : devices_) {
    if (device.rank != here.rank || device.process != here.pid) continue;
    device.here = true;
    device.door = std::move(here.door);
    device.device = std::move(here.device);
    device.data_address = std::move(here.data_address);
    beats_.watch(device.rank, now());
  }
  NodeHere all{begin_.node, {}};
  for (const Device& device : devices_) {
    if (!device.here) return;
    all.data_addresses.push_back(device.data_address);
  }
  self_->send(setup_.gate, std::move(all));
}

void AgentShell::on_peers(const Peers& peers) {
  coordinator_ = peers.coordinator;
  Peers here = peers;
  here.coordinator = caf::actor_cast<caf::actor>(self_);
  for (const Device& device : devices_) self_->send(device.door, here);
  for (const DeviceFault& fault : std::exchange(early_faults_, {})) self_->send(coordinator_, fault);
}

// The gate takes a fault for as long as it waits for hosts; if it waits no more, the coordinator is about to be known.
void AgentShell::on_fault(const DeviceFault& fault) {
  if (coordinator_) return self_->send(coordinator_, fault);
  early_faults_.push_back(fault);
  self_->send(setup_.gate, StartFault{begin_.node, fmt::format("rank {}: {}", fault.rank, fault.detail)});
}

void AgentShell::tell_loss(const Device& device, const std::string& detail) {
  on_fault({.rank = device.rank,
            .where = fmt::format("its process on host {}", own_host_name()),
            .detail = detail,
            .is_loss = true});
}

void AgentShell::on_child_ended(const ChildEnded& ended) {
  for (Device& device : devices_) {
    if (device.process != ended.child || device.ended) continue;
    device.ended = true;
    beats_.forget(device.rank);
    if (!stopping_) tell_loss(device, ended.how);
  }
  leave_if_all_ended();
}

void AgentShell::on_tick() {
  if (over_) return;
  if (!gate_beat_.take_silent(now()).empty())
    return end(fmt::format("the launcher has been silent for {:.3g} s", begin_.freeze_secs));
  for (int rank : beats_.take_silent(now())) {
    for (const Device& device : devices_) {
      if (device.rank != rank) continue;
      if (!stopping_) tell_loss(device, fmt::format("silent for {:.3g} s: frozen, or its host is", begin_.freeze_secs));
      setup_.kill_device(device.process);
    }
  }
  self_->send(setup_.gate, Beat{begin_.generation, begin_.node});
  for (const Device& device : devices_)
    if (device.door && !device.ended) self_->send(device.door, Beat{begin_.generation, begin_.node});
  self_->delayed_send(self_, nanoseconds(beats_.interval_secs()), Tick{});
}

void AgentShell::stop() {
  if (std::exchange(stopping_, true)) return;
  to_devices(StopOrder{});
  for (const Device& device : devices_)
    if (!device.here) setup_.kill_device(device.process);
  self_->delayed_send(self_, time_to_stop, GiveUp{});
  leave_if_all_ended();
}

// To the gate, which lets it go.
void AgentShell::leave_if_all_ended() {
  if (!stopping_ || over_) return;
  if (!std::all_of(devices_.begin(), devices_.end(), [](const Device& device) { return device.ended; })) return;
  self_->send(setup_.gate, Farewell{begin_.node});
  self_->delayed_send(self_, time_to_part, Deadline{});
}

void AgentShell::end(const std::string& cause) {
  if (std::exchange(over_, true)) return;
  setup_.kill_all();
  setup_.on_end(cause);
  self_->quit();
}

}  // namespace dsrun
