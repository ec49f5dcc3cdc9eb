#include "actors/coordinator_actor.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "runtime/state/storage_error.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_a_cause = 200ms;  // after a first consequence
constexpr auto time_to_end = 10s;         // for devices, after the job
constexpr int longest_silence = 10;       // of a device that may be reading or writing its state, in peer timeouts

// A loss that its watcher has seen, before one that is only felt; either before a wait, or a link that broke.
bool explains_more(const DeviceFault& fault, const DeviceFault& than) {
  const auto weight = [](const DeviceFault& each) { return each.is_consequence ? (each.is_loss ? 1 : 0) : 2; };
  return weight(fault) > weight(than);
}

}  // namespace

void introduce(const std::vector<caf::actor>& devices, const std::vector<std::shared_ptr<const DeviceSetup>>& setups,
               const caf::actor& coordinator) {
  for (std::size_t rank = 0; rank < devices.size(); ++rank) {
    caf::anon_send(devices[rank], Connect{devices, coordinator});
    caf::anon_send(devices[rank], Configure{setups[rank]});
  }
}

caf::behavior CoordinatorShell::make_behavior(CoordinatorSetup setup) {
  setup_ = std::move(setup);
  core_.emplace(setup_.plan, setup_.loader, setup_.start);
  if (setup_.commit) core_->commit_saves_with(setup_.commit);
  self_->set_down_handler([this](const caf::down_msg& message) { on_down(message); });
  self_->set_error_handler([this](const caf::error& error) {
    const std::string cause = "a message was refused: " + self_->system().render(error);
    handle([&] { return core_->on_failure(Outcome::failed, cause); });
  });
  start();
  return {
      [this](const Ready& ready) {
        heard(ready.rank);
        handle([&] { return core_->on_ready(ready.rank); });
      },
      [this](RoundResult& result) {
        heard(result.rank);
        handle([&] { return core_->on_result(std::move(result)); });
      },
      [this](RoundDone& done) {
        heard(done.rank);
        handle([&] { return core_->on_done(std::move(done)); });
      },
      [this](ShardSaved& saved) {
        heard(saved.rank);
        handle([&] { return core_->on_saved(std::move(saved)); });
      },
      [this](const DeviceFault& fault) { on_fault(fault); },
      [this](WaitsReport& report) {
        heard(report.rank);
        if (!unexplained_) return;
        std::erase_if(reports_, [&](const WaitsReport& other) { return other.rank == report.rank; });
        reports_.push_back(std::move(report));
      },
      [this](Tick) { look_for_silence(); },
      [this](StopRequest) { handle([&] { return core_->on_stop_request(); }); },
      [this](SaveRequest) { core_->request_save(); },
      [this](Deadline) {
        handle(
            [&] { return core_->on_failure(Outcome::failed, explain_waits(*setup_.plan, *unexplained_, reports_)); });
      },
      [this](GiveUp) { end(); },
  };
}

void CoordinatorShell::start() {
  ended_.assign(setup_.members.size(), false);
  for (const Member& member : setup_.members) self_->monitor(member.actor);
  setup_.begin(caf::actor_cast<caf::actor>(self_));
  heard_.assign(static_cast<std::size_t>(setup_.plan->mesh.size()), self_->system().clock().now());
  self_->delayed_send(self_, peer_timeout(), Tick{});
}

std::chrono::nanoseconds CoordinatorShell::peer_timeout() const {
  const std::chrono::duration<double> secs(setup_.plan->job.cluster.peer_timeout_secs);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(secs);
}

void CoordinatorShell::heard(int rank) { heard_.at(static_cast<std::size_t>(rank)) = self_->system().clock().now(); }

// Between ops a device's actor answers. Devices wait for each other no longer than the peer timeout, but what one does
// by itself, such as reading its state from a disk that hangs, nobody else would notice.
void CoordinatorShell::look_for_silence() {
  if (core_->finished() || unexplained_) return;
  const auto now = self_->system().clock().now();
  for (std::size_t rank = 0; rank < heard_.size(); ++rank)
    if (const std::chrono::duration<double> silence = now - heard_[rank]; silence > longest_silence * peer_timeout())
      return on_fault({.rank = static_cast<int>(rank),
                       .where = "its actor",
                       .detail = fmt::format("has answered nothing for {:.3g} s", silence.count())});
  for (const Member& member : setup_.members) self_->send(member.actor, WaitsRequest{});
  self_->delayed_send(self_, peer_timeout(), Tick{});
}

template <class Event>
void CoordinatorShell::handle(Event event) {
  try {
    const std::vector<Order> orders = event();
    if (!core_->finished()) broadcast(orders);  // first: the devices work while the listener writes
    hear_progress();
    if (core_->finished()) broadcast(orders);  // last: nothing is told after the end
  } catch (const std::exception& error) {      // of the listener: a full disk under metrics.jsonl, say
    const bool is_storage = dynamic_cast<const StorageError*>(&error) != nullptr;
    const Outcome outcome = is_storage ? Outcome::storage_failed : Outcome::failed;
    const std::vector<Order> orders = core_->on_failure(outcome, error.what());  // none: the job was over already
    try {
      if (orders.empty() && setup_.on_progress) setup_.on_progress(JobFinished{outcome, error.what()});
      hear_progress();
    } catch (const std::exception&) {  // it cannot even be told that it failed; on_end still says that all is over
    }
    broadcast(orders.empty() ? std::vector<Order>{StopOrder{}} : orders);
  }
}

void CoordinatorShell::hear_progress() {
  for (const Progressed& progress : core_->take_progress())
    if (setup_.on_progress) setup_.on_progress(progress);
}

void CoordinatorShell::broadcast(const std::vector<Order>& orders) {
  for (const Order& order : orders) {
    for (const Member& member : setup_.members)
      std::visit([&](const auto& message) { self_->send(member.actor, message); }, order);
    if (!std::holds_alternative<StopOrder>(order) || std::exchange(stopping_, true)) continue;
    self_->delayed_send(self_, time_to_end, GiveUp{});
    if (all_ended()) end();
  }
}

void CoordinatorShell::on_fault(const DeviceFault& fault) {
  if (!fault.is_consequence && !fault.is_loss) return handle([&] { return core_->on_fault(fault); });
  if (core_->finished()) return;
  const bool first = !unexplained_;
  if (first || explains_more(fault, *unexplained_)) unexplained_ = fault;
  if (!first) return;
  for (const Member& member : setup_.members) self_->send(member.actor, WaitsRequest{});
  self_->delayed_send(self_, time_for_a_cause, Deadline{});
}

void CoordinatorShell::on_down(const caf::down_msg& message) {
  const auto member = std::find_if(setup_.members.begin(), setup_.members.end(),
                                   [&](const Member& each) { return each.actor.address() == message.source; });
  if (member == setup_.members.end()) return;
  ended_[static_cast<std::size_t>(member - setup_.members.begin())] = true;
  if (stopping_) {
    if (all_ended()) end();
    return;
  }
  // Who watches an agent's process may yet tell more of its end than that it came.
  const std::string reason = self_->system().render(message.reason);
  const bool is_agent = member->name != own_actor;
  on_fault({.rank = member->ranks[0],
            .where = member->name + " ended",
            .detail = reason,
            .is_consequence = is_agent,
            .is_loss = is_agent});
}

bool CoordinatorShell::all_ended() const {
  return std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; });
}

void CoordinatorShell::end() {
  if (const auto on_end = std::exchange(setup_.on_end, nullptr)) on_end(all_ended());
  self_->quit();
}

}  // namespace dsrun
