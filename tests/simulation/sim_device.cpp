// As actors/device_actor.cpp and the door of actors/processes/launch/device_process.cpp do.
#include <algorithm>

#include "actors/core/durations.hpp"
#include "tests/simulation/sim_hears.hpp"

namespace dsrun::test {
namespace {

// An agent has much to start before it beats, and an agent that froze is the launcher's to notice first.
constexpr double patience_with_agent = 1.5;
constexpr std::int64_t time_to_be_heard = secs;

}  // namespace

SimDevice::SimDevice(SimJob& job, int rank, Pid pid, const Begin& begin)
    : job_(job),
      rank_(rank),
      pid_(pid),
      begin_(begin),
      agent_beats_(begin.membership.generation, patience_with_agent * begin.freeze_secs) {
  job_.world.later(pid_, job_.world.random.between(1, 20) * ms, "device is there", [this] {
    agent_beats_.watch(begin_.node, in_secs(job_.world.now()));
    look_at_agent();
    SimAgent* agent = job_.agent(begin_.node);
    job_.world.send(pid_, agent->pid, "DeviceHere", [this, agent] { agent->on_device_here(rank_, pid_); });
  });
}

template <class Message>
void SimDevice::to_agent(Message message) {
  SimAgent* agent = job_.agent(begin_.node);
  job_.world.send(pid_, agent->pid, "to agent", [agent, message = std::move(message)] { agent->from_device(message); });
}

void SimDevice::look_at_agent() {
  if (job_.options.mistake == JobMistake::outlives_its_agent) return;
  if (!agent_beats_.take_silent(in_secs(job_.world.now())).empty()) {
    job_.end(job_.agent(begin_.node)->pid);  // frozen: it shall not stay behind alone
    return job_.end(pid_);
  }
  job_.world.later(pid_, nanoseconds(agent_beats_.interval_secs()).count(), "device looks",
                   [this] { look_at_agent(); });
}

void SimDevice::on_beat(const Beat& beat) {
  agent_beats_.heard(beat.generation, beat.from, in_secs(job_.world.now()));
  to_agent(Beat{begin_.membership.generation, rank_});
}

void SimDevice::on_membership(const Membership& membership) {
  membership_ = membership;
  membership_.plan = job_.plan.plan;
  connect();
  actor_.hear([this] { configure(); });
}

// UCX tells of a peer's end over a network, not inside a host.
void SimDevice::connect() {
  for (int peer = 0; peer < membership_.world(); ++peer) {
    const Pid other = job_.device_pids[static_cast<std::size_t>(peer)];
    if (peer == rank_ || job_.world.host_of(other) == job_.world.host_of(pid_)) continue;
    job_.world.watch(pid_, other, [this, peer] { on_link_lost(peer); });
  }
}

void SimDevice::configure() {
  guarded("making its parameters", FaultCause::error, [&] { make_core(); });
  if (failed_) return;
  actor_.begin_long_work();
  const auto restore = [this] {
    if (const auto& saved = job_.launcher().saved()) restore_device(*saved, *core_, SavedWeights::last, job_.files);
  };
  job_.with_disk(pid_, restore, [this](const std::exception_ptr& thrown) {
    if (thrown)
      fail("restoring its state", FaultCause::storage, words_of(thrown));
    else
      to_agent(Ready{rank_});
    last_progress_ = job_.world.now();
    check_deadline();
    actor_.end_long_work();
  });
}

void SimDevice::make_core() {
  core_.emplace(membership_.plan, rank_, job_.plan.loader, DeviceUse::training, job_.world.clock);
  core_->join(membership_.generation);
}

template <class Work>
void SimDevice::guarded(const char* op, FaultCause cause, Work work) {
  if (failed_ || stopped_) return;
  try {
    work();
  } catch (const std::exception& error) {
    fail(*op != '\0' ? op : core_->where(), cause, error.what());
  }
}

void SimDevice::handle(const RoundOrder& order) {
  last_progress_ = job_.world.now();
  guarded("", FaultCause::error, [&] {
    core_->on_round(order);
    pump();
  });
}

void SimDevice::handle(const UpdateOrder& order) {
  last_progress_ = job_.world.now();
  guarded("", FaultCause::error, [&] {
    core_->on_update(order);
    pump();
  });
}

void SimDevice::handle(const SaveOrder& order) {
  if (failed_ || stopped_) return;
  actor_.begin_long_work();
  auto saved = std::make_shared<ShardSaved>(ShardSaved{rank_, order.step, {}});
  job_.with_disk(
      pid_, [this, saved] { saved->description = save_device(sim_run_dir, *core_, saved->step, job_.files); },
      [this, saved](const std::exception_ptr& thrown) {
        if (thrown)
          fail("saving its state", FaultCause::storage, words_of(thrown));
        else
          to_agent(*saved);
        actor_.end_long_work();
      });
}

void SimDevice::handle(const WaitsRequest&) {
  if (core_ && !stopped_) to_agent(WaitsReport{rank_, core_->waiting_for(), core_->where()});
}

void SimDevice::on_tensor(TensorMessage message) {
  auto shared = std::make_shared<TensorMessage>(std::move(message));
  actor_.hear([this, shared] {
    if (!core_) return;
    guarded("", FaultCause::error, [&] {
      core_->on_tensor(std::move(*shared));
      pump();
    });
  });
}

void SimDevice::pump() {
  if (continuing_) return;
  const bool ran = core_->pump();
  deliver();
  if (!ran) return;
  last_progress_ = job_.world.now();
  continuing_ = true;
  job_.world.later(pid_, job_.options.op_ns, "an op is over", [this] {
    actor_.hear([this] {
      continuing_ = false;
      guarded("", FaultCause::error, [&] { pump(); });
    });
  });
}

void SimDevice::deliver() {
  for (Outgoing& outgoing : core_->take_outgoing()) {
    if (job_.world.random.chance(0.01)) {
      job_.sent.push_back(outgoing);
      if (job_.options.mistake == JobMistake::alters_tensors) outgoing.message.payload.data()[0] ^= 1;
    }
    const auto to = static_cast<std::size_t>(outgoing.destination);
    auto message = std::make_shared<TensorMessage>(std::move(outgoing.message));
    SimDevice* device = job_.device(outgoing.destination);
    job_.world.send(pid_, job_.device_pids[to], "tensor",
                    [device, message] { device->on_tensor(std::move(*message)); });
  }
  if (auto result = core_->take_result()) to_agent(std::move(*result));
  if (auto done = core_->take_done()) to_agent(std::move(*done));
}

void SimDevice::check_deadline() {
  if (failed_ || stopped_ || job_.options.mistake == JobMistake::waits_without_end) return;
  const double timeout_secs = membership_.plan->job.cluster.peer_timeout_secs;
  std::vector<Tag> waits = core_->waiting_for();
  if (!waits.empty() && in_secs(job_.world.now() - last_progress_) >= timeout_secs)
    return fail(core_->where(), FaultCause::wait, "", std::move(waits));
  job_.world.later(pid_, nanoseconds(timeout_secs / 10).count(), "deadline",
                   [this] { actor_.hear([this] { check_deadline(); }); });
}

void SimDevice::on_link_lost(int peer) {
  actor_.hear([this, peer] {
    if (!failed_ && !stopped_) fail(core_ ? core_->where() : "", FaultCause::link_broken, "reset", {}, peer);
  });
}

void SimDevice::fail(std::string op, FaultCause cause, std::string detail, std::vector<Tag> waits, int peer) {
  failed_ = true;
  DeviceFault fault;
  fault.rank = rank_;
  fault.op = std::move(op);
  fault.cause = cause;
  fault.secs = in_secs(job_.world.now() - last_progress_);
  fault.detail = std::move(detail);
  fault.waits = std::move(waits);
  fault.peer = peer;
  to_agent(std::move(fault));
}

// Says what is left to say, and waits for the word that it was heard.
void SimDevice::on_stop() {
  actor_.hear([this] {
    stopped_ = true;
    to_agent(Farewell{rank_});
    job_.world.later(pid_, time_to_be_heard, "leaves unheard", [this] { job_.end(pid_); });
  });
}

}  // namespace dsrun::test
