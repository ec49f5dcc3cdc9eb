#include "actors/coordinator_actor.hpp"

#include <algorithm>
#include <chrono>

#include "runtime/checkpoint/checkpoint.hpp"

namespace dsrun {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_a_cause = 200ms;  // after a first consequence
constexpr auto time_to_end = 10s;         // for devices, after the job

}  // namespace

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
      [this](const Ready& ready) { handle([&] { return core_->on_ready(ready.rank); }); },
      [this](RoundResult& result) { handle([&] { return core_->on_result(std::move(result)); }); },
      [this](RoundDone& done) { handle([&] { return core_->on_done(std::move(done)); }); },
      [this](ShardSaved& saved) { handle([&] { return core_->on_saved(std::move(saved)); }); },
      [this](const DeviceFault& fault) { on_fault(fault); },
      [this](WaitsReport& report) { reports_.push_back(std::move(report)); },
      [this](StopRequest) { handle([&] { return core_->on_stop_request(); }); },
      [this](SaveRequest) { core_->request_save(); },
      [this](Deadline) {
        const int num_ranks = setup_.plan->mesh.size();
        handle([&] { return core_->on_failure(Outcome::failed, explain_waits(*consequence_, reports_, num_ranks)); });
      },
      [this](GiveUp) { end(); },
  };
}

void CoordinatorShell::start() {
  ended_.assign(setup_.devices.size(), false);
  for (std::size_t rank = 0; rank < setup_.devices.size(); ++rank) {
    self_->monitor(setup_.devices[rank]);
    self_->send(setup_.devices[rank], Connect{setup_.devices, caf::actor_cast<caf::actor>(self_)});
    self_->send(setup_.devices[rank], Configure{setup_.setups[rank]});
  }
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
    for (const caf::actor& device : setup_.devices)
      std::visit([&](const auto& message) { self_->send(device, message); }, order);
    if (!std::holds_alternative<StopOrder>(order) || std::exchange(stopping_, true)) continue;
    self_->delayed_send(self_, time_to_end, GiveUp{});
    if (std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; })) end();
  }
}

void CoordinatorShell::on_fault(const DeviceFault& fault) {
  if (!fault.is_consequence) return handle([&] { return core_->on_fault(fault); });
  if (consequence_ || core_->finished()) return;
  consequence_ = fault;
  for (const caf::actor& device : setup_.devices) self_->send(device, WaitsRequest{});
  self_->delayed_send(self_, time_for_a_cause, Deadline{});
}

void CoordinatorShell::on_down(const caf::down_msg& message) {
  const auto device = std::find_if(setup_.devices.begin(), setup_.devices.end(),
                                   [&](const caf::actor& each) { return each.address() == message.source; });
  if (device == setup_.devices.end()) return;
  const auto rank = device - setup_.devices.begin();
  ended_[static_cast<std::size_t>(rank)] = true;
  if (!stopping_) {
    const std::string reason = self_->system().render(message.reason);
    return handle([&] { return core_->on_fault({static_cast<int>(rank), "its actor ended", reason}); });
  }
  if (std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; })) end();
}

void CoordinatorShell::end() {
  if (const auto on_end = std::exchange(setup_.on_end, nullptr))
    on_end(std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; }));
  self_->quit();
}

}  // namespace dsrun
