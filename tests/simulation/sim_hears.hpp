// Which core's function hears which message, in SimAgent and SimLauncher.
#pragma once

#include <type_traits>

#include "tests/simulation/sim_job.hpp"

namespace dsrun::test {

template <class Message>
void SimAgent::from_launcher(const Message& message) {
  const std::int64_t now = job_.world.now();
  if constexpr (std::is_same_v<Message, Begin>) {
    begin_ = message;
    core_.on_begin(message, now);
  } else if constexpr (std::is_same_v<Message, Refused>) {
    core_.on_refused(message.reason);
  } else if constexpr (std::is_same_v<Message, ClockRequest>) {
    SimLauncher& launcher = job_.launcher();
    const ClockReply reply{message.node, message.asked_ns, 0, now + 1000 * secs * (1 + node_)};
    job_.world.send(pid, job_.launcher_pid, "ClockReply",
                    [&launcher, node = node_, reply] { launcher.gate_hears(node, reply); });
  } else if constexpr (std::is_same_v<Message, Membership>) {
    core_.on_peers(message);
  } else if constexpr (std::is_same_v<Message, Beat>) {
    core_.on_beat(message, now);
  } else if constexpr (std::is_same_v<Message, Farewell>) {
    core_.on_farewell(message);
  } else if constexpr (std::is_same_v<Message, StopOrder>) {
    core_.on_stop();
  } else {  // orders pass by
    for (const int rank : core_.listening()) {
      SimDevice* device = job_.device(rank);
      job_.world.send(pid, job_.device_pids[static_cast<std::size_t>(rank)], "order",
                      [device, message] { device->on_order(message); });
    }
  }
  carry_out_effects();
}

template <class Message>
void SimAgent::from_device(const Message& message) {
  const std::int64_t now = job_.world.now();
  if constexpr (std::is_same_v<Message, Beat>) {
    core_.on_beat(message, now);
  } else if constexpr (std::is_same_v<Message, Farewell>) {
    core_.on_farewell(message);
  } else if constexpr (std::is_same_v<Message, DeviceFault>) {
    core_.on_fault(message);
  } else if (core_.has_coordinator()) {  // answers pass by
    SimLauncher& launcher = job_.launcher();
    job_.world.send(pid, job_.launcher_pid, "to coordinator",
                    [&launcher, message] { launcher.coordinator_hears(message); });
  }
  carry_out_effects();
}

template <class Message>
void SimLauncher::gate_hears(int node, const Message& message) {
  const std::int64_t now = job_.world.now();
  if constexpr (std::is_same_v<Message, Enlist>) {
    const auto guest = static_cast<GateCore::Guest>(nodes_.size());
    nodes_.push_back(node);
    job_.world.watch(pid_, job_.agent_pids[static_cast<std::size_t>(node)], [this, node] { connection_ended(node); });
    gate_->on_enlist(guest, message, now);
  } else if constexpr (std::is_same_v<Message, ClockReply>) {
    gate_->on_clock(message, now);
  } else if constexpr (std::is_same_v<Message, NodeHere>) {
    gate_->on_here(message);
  } else if constexpr (std::is_same_v<Message, StartFault>) {
    gate_->on_start_fault(message);
  } else if constexpr (std::is_same_v<Message, Beat>) {
    gate_->on_beat(message, now);
  } else {
    static_assert(std::is_same_v<Message, Farewell>);
    gate_->on_farewell(message);
  }
  carry_out_gate();
}

template <class Message>
void SimLauncher::coordinator_hears(const Message& message) {
  const std::int64_t now = job_.world.now();
  if (!core_) return;
  if constexpr (std::is_same_v<Message, Ready>) {
    core_->on_ready(message, now);
  } else if constexpr (std::is_same_v<Message, RoundResult>) {
    core_->on_result(message, now);
  } else if constexpr (std::is_same_v<Message, RoundDone>) {
    core_->on_done(message, now);
  } else if constexpr (std::is_same_v<Message, ShardSaved>) {
    core_->on_saved(message, now);
  } else if constexpr (std::is_same_v<Message, WaitsReport>) {
    core_->on_waits(message, now);
  } else {
    static_assert(std::is_same_v<Message, DeviceFault>);
    DeviceFault fault = message;
    if (job_.options.mistake == JobMistake::blames_the_first && needs_explanation(fault.cause))
      fault.cause = FaultCause::error;
    core_->on_fault(fault);
  }
  carry_out_job();
}

}  // namespace dsrun::test
