#include "actors/device_actor.hpp"

#include <algorithm>

#include <pthread.h>
#include <sched.h>

#include <fmt/format.h>

#include "runtime/device/meter/wire_span.hpp"
#include "runtime/machine/peak.hpp"

namespace dsrun {
namespace {

using Seconds = std::chrono::duration<double>;

// How often a device looks at its wait.
std::chrono::nanoseconds deadline_interval(double timeout_secs) {
  const double secs = std::clamp(timeout_secs / 10, 0.01, 1.0);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(secs));
}

// Device i has the cores from i · threads on, modulo those that this process may run on.
void pin_thread(int rank, int num_threads) {
  const std::vector<int>& usable = usable_cores();
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (int i = 0; i < num_threads; ++i)
    CPU_SET(static_cast<std::size_t>(usable[static_cast<std::size_t>(rank * num_threads + i) % usable.size()]), &cores);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
  if (error != 0) throw std::runtime_error(fmt::format("cannot pin its thread to a core (error {})", error));
}

}  // namespace

caf::behavior DeviceShell::make_behavior() {
  return {
      [this](Connect& message) {
        devices_ = std::move(message.devices);
        coordinator_ = std::move(message.coordinator);
      },
      [this](const Configure& message) { configure(message); },
      [this](TensorMessage& message) { handle([&] { receive(std::move(message)); }); },
      [this](const RoundOrder& order) {
        last_progress_ = self_->system().clock().now();
        handle([&] { core_->on_round(order); });
      },
      [this](const UpdateOrder& order) {
        last_progress_ = self_->system().clock().now();
        handle([&] { core_->on_update(order); });
      },
      [this](const SaveOrder& order) {
        guarded("saving its state", FaultCause::storage, [&] {
          std::string description = setup_->save ? setup_->save(*core_, order.step) : std::string();
          self_->send(coordinator_, ShardSaved{setup_->rank, order.step, std::move(description)});
        });
      },
      [this](Continue) {
        continuing_ = false;
        handle([] {});
      },
      [this](Arrival arrival) {
        if (arrival.at_ns == wake_ns_) wake_ns_ = 0;
        handle([] {});
      },
      [this](const Deadline& deadline) {
        if (deadline.number == num_configured_) check_deadline();
      },
      [this](WaitsRequest) {
        if (core_) self_->send(coordinator_, WaitsReport{setup_->rank, core_->waiting_for(), core_->where()});
      },
      [this](const LinkLost& lost) { on_link_lost(lost); },
      [this](StopOrder) { self_->quit(); },
  };
}

void DeviceShell::configure(const Configure& message) {
  leave_membership();
  setup_ = message.setup;
  ++num_configured_;
  guarded("making its parameters", FaultCause::error, [&] {
    if (setup_->pin_core) pin_thread(setup_->rank, setup_->membership.plan->job.cluster.threads_per_device);
    const std::shared_ptr<const Plan>& plan = setup_->membership.plan;
    core_.emplace(plan, setup_->rank, setup_->loader, DeviceUse::training, system_clock(), setup_->reach);
    core_->join(setup_->membership.generation);
    if (setup_->on_span) core_->observe(setup_->on_span);
    if (setup_->shares_thread) core_->share_thread();
    if (const LinkSpec& link = plan->job.cluster.link; link.emulated()) ports_.emplace(link);
  });
  guarded("restoring its state", FaultCause::storage, [&] {
    if (setup_->restore) setup_->restore(*core_);
    self_->send(coordinator_, Ready{setup_->rank});
    last_progress_ = self_->system().clock().now();
    self_->send(self_, Deadline{num_configured_});
  });
}

void DeviceShell::leave_membership() {
  core_.reset();
  ports_.reset();
  in_flight_ = {};
  wake_ns_ = 0;
  failed_ = false;
}

template <class Work>
void DeviceShell::guarded(const char* where, FaultCause cause, Work work) {
  if (failed_) return;
  try {
    work();
  } catch (const std::exception& error) {
    DeviceFault fault = fault_at(*where != '\0' ? where : core_->where(), cause);
    fault.detail = error.what();
    fail(std::move(fault));
  }
}

template <class Work>
void DeviceShell::handle(Work work) {
  guarded("", FaultCause::error, [&] {
    core_->bind_thread();
    work();
    pump();
  });
}

// Runs ops until a message waits, which then comes next, not after the whole step.
void DeviceShell::pump() {
  do {
    land();
    const bool ran = core_->pump();
    deliver();
    if (!ran) return wake_at_arrival();
    last_progress_ = self_->system().clock().now();
  } while (!setup_->yields_after_op && self_->mailbox().empty());
  if (!std::exchange(continuing_, true)) self_->send(self_, Continue{});
}

void DeviceShell::deliver() {
  for (Outgoing& outgoing : core_->take_outgoing()) {
    if (ports_) put_on_wire(outgoing);
    if (setup_->send)
      setup_->send(outgoing.destination, std::move(outgoing.message));
    else
      self_->send(devices_[static_cast<std::size_t>(outgoing.destination)], std::move(outgoing.message));
  }
  if (auto result = core_->take_result()) self_->send(coordinator_, std::move(*result));
  if (auto done = core_->take_done()) self_->send(coordinator_, std::move(*done));
}

std::int64_t DeviceShell::now_ns() const {
  return std::chrono::nanoseconds(self_->system().clock().now().time_since_epoch()).count();
}

void DeviceShell::put_on_wire(Outgoing& outgoing) {
  const bool to_other_node = !setup_->membership.plan->placement.same_node(setup_->rank, outgoing.destination);
  const auto num_bytes = static_cast<std::int64_t>(outgoing.message.payload.size());
  const Flight flight = ports_->send(now_ns(), num_bytes, to_other_node);
  outgoing.message.arrives_ns = flight.arrival_ns;
  if (setup_->on_span) setup_->on_span(wire_span(*setup_->membership.plan, outgoing, flight));
}

void DeviceShell::receive(TensorMessage message) {
  if (message.arrives_ns != 0 && message.arrives_ns > now_ns())
    in_flight_.add(std::move(message));
  else
    core_->on_tensor(std::move(message));
}

void DeviceShell::land() {
  if (in_flight_.empty()) return;
  const std::int64_t now = now_ns();
  while (auto message = in_flight_.take_arrived(now)) core_->on_tensor(std::move(*message));
}

void DeviceShell::wake_at_arrival() {
  if (in_flight_.empty()) return;
  const std::int64_t next = in_flight_.next_arrival_ns();
  if (wake_ns_ != 0 && wake_ns_ <= next) return;
  wake_ns_ = next;
  self_->delayed_send(self_, std::chrono::nanoseconds(std::max<std::int64_t>(0, next - now_ns())), Arrival{next});
}

void DeviceShell::check_deadline() {
  if (failed_) return;
  if (!in_flight_.empty()) last_progress_ = self_->system().clock().now();  // a long way is no silence
  const double timeout_secs = setup_->membership.plan->job.cluster.peer_timeout_secs;
  std::vector<Tag> waits = core_->waiting_for();
  const double waited = Seconds(self_->system().clock().now() - last_progress_).count();
  if (!waits.empty() && waited >= timeout_secs) {
    DeviceFault fault = fault_at(core_->where(), FaultCause::wait);
    fault.secs = waited;
    fault.waits = std::move(waits);
    return fail(std::move(fault));
  }
  self_->delayed_send(self_, deadline_interval(timeout_secs), Deadline{num_configured_});
}

// The peer's own end, or its agent's word of it, is the cause.
void DeviceShell::on_link_lost(const LinkLost& lost) {
  if (failed_ || !setup_) return;
  DeviceFault fault = fault_at(core_ ? core_->where() : std::string(), FaultCause::link_broken);
  fault.peer = lost.peer;
  fault.detail = lost.reason;
  fail(std::move(fault));
}

DeviceFault DeviceShell::fault_at(std::string op, FaultCause cause) const {
  DeviceFault fault;
  fault.rank = setup_->rank;
  fault.op = std::move(op);
  fault.cause = cause;
  return fault;
}

void DeviceShell::fail(DeviceFault fault) {
  failed_ = true;
  self_->send(coordinator_, std::move(fault));
}

}  // namespace dsrun
