#include "actors/coordinator_actor.hpp"

#include <algorithm>
#include <chrono>

#include "actors/core/durations.hpp"
#include "runtime/state/storage_error.hpp"

namespace dsrun {

void introduce(const std::vector<caf::actor>& devices, const std::vector<std::shared_ptr<const DeviceSetup>>& setups,
               const caf::actor& coordinator) {
  for (std::size_t rank = 0; rank < devices.size(); ++rank) {
    caf::anon_send(devices[rank], Connect{devices, coordinator});
    caf::anon_send(devices[rank], Configure{setups[rank]});
  }
}

namespace {

// Commits one save and tells the coordinator.
void committing_actor(caf::event_based_actor* self, const std::function<void(const SaveFinished&)>& commit,
                      const SaveFinished& save, const caf::actor& coordinator) {
  CommitOver over;
  try {
    commit(save);
  } catch (const std::exception& error) {
    over = {true, error.what()};
  }
  self->send(coordinator, std::move(over));
}

}  // namespace

std::int64_t CoordinatorShell::now_ns() const {
  return std::chrono::nanoseconds(self_->system().clock().now().time_since_epoch()).count();
}

caf::behavior CoordinatorShell::make_behavior(CoordinatorSetup setup) {
  setup_ = std::move(setup);
  std::vector<JobMember> members;
  for (const Member& member : setup_.members) {
    members.push_back({member.ranks, member.host});
    self_->monitor(member.actor);
  }
  core_.emplace(setup_.membership, setup_.loader, setup_.start, std::move(members), now_ns());
  self_->set_down_handler([this](const caf::down_msg& message) { on_down(message); });
  self_->set_error_handler([this](const caf::error& error) {
    core_->on_failure(Outcome::failed, "a message was refused: " + self_->system().render(error));
    carry_out_effects();
  });
  setup_.begin(caf::actor_cast<caf::actor>(self_));
  carry_out_effects();
  return {
      heard<const Ready>([this](const Ready& ready) { core_->on_ready(ready, now_ns()); }),
      heard<RoundResult>([this](RoundResult& result) { core_->on_result(std::move(result), now_ns()); }),
      heard<RoundDone>([this](RoundDone& done) { core_->on_done(std::move(done), now_ns()); }),
      heard<ShardSaved>([this](ShardSaved& saved) { core_->on_saved(std::move(saved), now_ns()); }),
      heard<const CommitOver>([this](const CommitOver& over) {
        if (over.failed)
          core_->on_commit_failed(over.why);
        else
          core_->on_committed(now_ns());
      }),
      heard<WaitsReport>([this](WaitsReport& report) { core_->on_waits(std::move(report), now_ns()); }),
      heard<const DeviceFault>([this](const DeviceFault& fault) { core_->on_fault(fault); }),
      heard<const StopRequest>([this](StopRequest) { core_->on_stop_request(); }),
      heard<const SaveRequest>([this](SaveRequest) { core_->on_save_request(); }),
      heard<const Wake>([this](Wake wake) { core_->on_timer(static_cast<JobCore::Timer>(wake.timer), now_ns()); }),
  };
}

void CoordinatorShell::on_down(const caf::down_msg& message) {
  const auto member = std::find_if(setup_.members.begin(), setup_.members.end(),
                                   [&](const Member& each) { return each.actor.address() == message.source; });
  if (member == setup_.members.end()) return;
  core_->on_member_ended(static_cast<int>(member - setup_.members.begin()), self_->system().render(message.reason));
  carry_out_effects();
}

// What one listener could not take, a full disk under metrics.jsonl say, ends the job.
void CoordinatorShell::carry_out_effects() {
  for (auto effects = core_->take_effects(); !effects.empty(); effects = core_->take_effects()) {
    listener_failed_ = false;
    for (JobCore::Effect& effect : effects) std::visit([this](auto& each) { carry_out(each); }, effect);
  }
}

void CoordinatorShell::carry_out(JobCore::ToMembers& effect) {
  for (const Member& member : setup_.members)
    std::visit([&](const auto& order) { self_->send(member.actor, order); }, effect.order);
}

void CoordinatorShell::carry_out(JobCore::Commit& effect) {
  if (!setup_.commit) return core_->on_committed(now_ns());
  const auto coordinator = caf::actor_cast<caf::actor>(self_);
  if (self_->getf(caf::local_actor::is_detached_flag))
    self_->spawn<caf::detached>(committing_actor, setup_.commit, effect.save, coordinator);
  else
    self_->spawn(committing_actor, setup_.commit, effect.save, coordinator);
}

void CoordinatorShell::carry_out(JobCore::Tell& effect) {
  if (!setup_.on_progress || listener_failed_) return;
  try {
    setup_.on_progress(effect.progress);
  } catch (const std::exception& error) {
    listener_failed_ = true;
    const bool of_storage = dynamic_cast<const StorageError*>(&error) != nullptr;
    core_->on_listener_failed(of_storage ? Outcome::storage_failed : Outcome::failed, error.what());
  }
}

void CoordinatorShell::carry_out(JobCore::WakeIn& effect) {
  self_->delayed_send(self_, nanoseconds(effect.secs), Wake{static_cast<int>(effect.timer), 0});
}

void CoordinatorShell::carry_out(JobCore::End& effect) {
  if (const auto on_end = std::exchange(setup_.on_end, nullptr)) on_end(effect.all_over);
  self_->quit();
}

}  // namespace dsrun
