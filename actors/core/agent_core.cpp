#include "actors/core/agent_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "actors/core/durations.hpp"

namespace dsrun {
namespace {

constexpr double time_to_begin_secs = 30;  // for the answer to an Enlist
constexpr double time_to_stop_secs = 4;    // for devices, after StopOrder
constexpr double time_to_part_secs = 1;    // for the answer to a Farewell

}  // namespace

AgentCore::AgentCore(Enlist self) : self_(std::move(self)), node_(self_.node) {
  to_gate(self_);
  effects_.push_back(WakeIn{Timer::begin, time_to_begin_secs});
}

std::vector<AgentCore::Effect> AgentCore::take_effects() { return std::exchange(effects_, {}); }

std::vector<int> AgentCore::listening() const {
  std::vector<int> ranks;
  for (const Device& device : devices_)
    if (device.here && !device.ended) ranks.push_back(device.rank);
  return ranks;
}

AgentCore::Device* AgentCore::device_of(int rank) {
  const auto found =
      std::find_if(devices_.begin(), devices_.end(), [rank](const Device& device) { return device.rank == rank; });
  return found == devices_.end() ? nullptr : &*found;
}

void AgentCore::on_begin(const Begin& begin, std::int64_t now_ns) {
  began_ = true;
  node_ = begin.node;
  membership_ = begin.membership;
  beats_ = Heartbeats(membership_.generation, begin.freeze_secs);
  gate_beat_ = Heartbeats(membership_.generation, begin.freeze_secs);
  to_start_ = membership_.ranks_of(node_);
  std::reverse(to_start_.begin(), to_start_.end());
  start_next(now_ns);
}

void AgentCore::start_next(std::int64_t now_ns) {
  starting_ = !to_start_.empty();
  if (starting_) {
    effects_.push_back(StartDevice{to_start_.back()});
    to_start_.pop_back();
    return;
  }
  gate_beat_.watch(the_gate, in_secs(now_ns));
  on_beat_timer(now_ns);
}

void AgentCore::on_started(int rank, int pid, std::int64_t now_ns) {
  devices_.push_back({rank, pid, false, false, {}});
  if (!stopping_) return start_next(now_ns);
  starting_ = false;
  effects_.push_back(KillProcess{pid});
}

void AgentCore::on_not_started(int rank, const std::string& why) {
  starting_ = false;
  to_start_.clear();
  to_gate(StartFault{node_, fmt::format("rank {}: {}", rank, why)});
  if (stopping_) return leave_if_all_ended();
  on_stop();
}

void AgentCore::on_examine(int node, double limit_secs) {
  began_ = true;
  node_ = node;
  effects_.push_back(WakeIn{Timer::part, limit_secs});
}

void AgentCore::on_refused(const std::string& reason) { end(reason); }

bool AgentCore::on_device_here(int rank, int pid, std::string data_address, std::int64_t now_ns) {
  Device* device = device_of(rank);
  if (device == nullptr || device->pid != pid) return false;
  device->here = true;
  device->data_address = std::move(data_address);
  beats_.watch(rank, in_secs(now_ns));
  NodeHere all{node_, {}};
  for (const Device& each : devices_)
    if (each.here) all.data_addresses.push_back(each.data_address);
  if (all.data_addresses.size() == membership_.ranks_of(node_).size()) to_gate(std::move(all));
  return true;
}

void AgentCore::on_peers(const Membership& membership) {
  has_coordinator_ = true;
  membership_ = membership;
  for (const Device& device : devices_) effects_.push_back(ToDoor{device.rank, membership});
  for (DeviceFault& fault : std::exchange(early_faults_, {})) effects_.push_back(ToCoordinator{std::move(fault)});
}

// The gate takes a fault for as long as it waits for hosts; if it waits no more, the coordinator is about to be known.
void AgentCore::on_fault(const DeviceFault& fault) {
  if (has_coordinator_) {
    effects_.push_back(ToCoordinator{fault});
    return;
  }
  early_faults_.push_back(fault);
  to_gate(StartFault{node_, fmt::format("rank {}: {}", fault.rank, what_happened(fault, nullptr))});
}

void AgentCore::tell_loss(const Device& device, FaultCause cause, const std::string& how) {
  DeviceFault fault;
  fault.rank = device.rank;
  fault.host = self_.host;
  fault.cause = cause;
  fault.secs = beats_.limit_secs();
  fault.detail = how;
  on_fault(fault);
}

void AgentCore::on_beat(const Beat& beat, std::int64_t now_ns) {
  Heartbeats& beats = beat.from == the_gate ? gate_beat_ : beats_;
  beats.heard(beat.generation, beat.from, in_secs(now_ns));
}

void AgentCore::on_farewell(const Farewell& farewell) {
  if (farewell.from == the_gate) return end("");
  if (device_of(farewell.from) != nullptr) effects_.push_back(ToDoor{farewell.from, Farewell{the_gate}});
}

void AgentCore::on_process_ended(int pid, const std::string& how) {
  for (Device& device : devices_) {
    if (device.pid != pid || device.ended) continue;
    device.ended = true;
    beats_.forget(device.rank);
    if (!stopping_) tell_loss(device, FaultCause::process_ended, how);
  }
  leave_if_all_ended();
}

void AgentCore::on_gate_gone() { end(stopping_ ? "" : "the launcher is gone"); }

void AgentCore::on_timer(Timer timer, std::int64_t now_ns) {
  switch (timer) {
    case Timer::begin:
      return began_ ? void() : end("the launcher gives no answer");
    case Timer::beat:
      return on_beat_timer(now_ns);
    case Timer::stop:
      effects_.push_back(KillAll{});
      return;
    case Timer::part:
      return end("");
  }
}

void AgentCore::on_beat_timer(std::int64_t now_ns) {
  if (over_) return;
  if (!gate_beat_.take_silent(in_secs(now_ns)).empty())
    return end(fmt::format("the launcher has been silent for {:.3g} s", gate_beat_.limit_secs()));
  for (int rank : beats_.take_silent(in_secs(now_ns))) {
    const Device& device = *device_of(rank);
    if (!stopping_) tell_loss(device, FaultCause::process_silent, "");
    effects_.push_back(KillProcess{device.pid});
  }
  const Beat beat{membership_.generation, node_};
  to_gate(beat);
  for (int rank : listening()) effects_.push_back(ToDoor{rank, beat});
  effects_.push_back(WakeIn{Timer::beat, beats_.interval_secs()});
}

void AgentCore::on_stop() {
  if (std::exchange(stopping_, true)) return;
  for (int rank : listening()) effects_.push_back(StopDevice{rank});
  for (const Device& device : devices_)
    if (!device.here) effects_.push_back(KillProcess{device.pid});
  effects_.push_back(WakeIn{Timer::stop, time_to_stop_secs});
  leave_if_all_ended();
}

// To the gate, which lets it go.
void AgentCore::leave_if_all_ended() {
  if (!stopping_ || starting_ || over_) return;
  if (!std::all_of(devices_.begin(), devices_.end(), [](const Device& device) { return device.ended; })) return;
  to_gate(Farewell{node_});
  effects_.push_back(WakeIn{Timer::part, time_to_part_secs});
}

void AgentCore::end(const std::string& cause) {
  if (std::exchange(over_, true)) return;
  effects_.push_back(KillAll{});
  effects_.push_back(End{cause});
}

}  // namespace dsrun
