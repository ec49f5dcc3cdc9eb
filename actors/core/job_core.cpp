#include "actors/core/job_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "actors/core/durations.hpp"

namespace dsrun {
namespace {

constexpr double time_to_end_secs = 10;  // for members, after the job
constexpr int longest_silence = 10;      // of who may be reading or writing state, in peer timeouts

}  // namespace

JobCore::JobCore(Membership membership, std::shared_ptr<const BatchLoader> loader, StartState start,
                 std::vector<JobMember> members, std::int64_t now_ns)
    : plan_(membership.plan),
      core_(std::move(membership), std::move(loader), std::move(start)),
      members_(std::move(members)),
      ended_(members_.size(), false),
      heard_ns_(static_cast<std::size_t>(plan_->mesh.size()), now_ns) {
  effects_.push_back(WakeIn{Timer::silence, plan_->job.cluster.peer_timeout_secs});
}

std::vector<JobCore::Effect> JobCore::take_effects() { return std::exchange(effects_, {}); }

void JobCore::on_ready(const Ready& ready, std::int64_t now_ns) {
  heard(ready.rank, now_ns);
  give(core_.on_ready(ready.rank, now_ns));
}

void JobCore::on_result(RoundResult result, std::int64_t now_ns) {
  heard(result.rank, now_ns);
  give(core_.on_result(std::move(result)));
}

void JobCore::on_done(RoundDone done, std::int64_t now_ns) {
  heard(done.rank, now_ns);
  give(core_.on_done(std::move(done), now_ns));
}

void JobCore::on_saved(ShardSaved saved, std::int64_t now_ns) {
  heard(saved.rank, now_ns);
  give(core_.on_saved(std::move(saved)));
  if (auto save = core_.take_commit()) {
    commit_began_ns_ = now_ns;
    effects_.push_back(Commit{std::move(*save)});
    effects_.push_back(WakeIn{Timer::commit, longest_silence_secs()});
  }
}

void JobCore::on_committed(std::int64_t now_ns) {
  commit_over();
  give(core_.on_committed(now_ns));
}

void JobCore::on_commit_failed(const std::string& why) {
  commit_over();
  give(core_.on_commit_failed(why));
}

// The end of the job may have waited for it.
void JobCore::commit_over() {
  commit_began_ns_.reset();
  if (stopping_ && all_over()) end();
}

void JobCore::on_waits(WaitsReport report, std::int64_t now_ns) {
  heard(report.rank, now_ns);
  culprit_.on_report(std::move(report));
}

void JobCore::on_fault(const DeviceFault& fault) {
  if (core_.finished()) return;
  switch (culprit_.on_fault(fault)) {
    case Culprit::Verdict::guilty:
      return give(core_.on_fault(fault, in_words(fault, &plan_->placement)));
    case Culprit::Verdict::ask:
      effects_.push_back(ToMembers{WaitsRequest{}});
      effects_.push_back(WakeIn{Timer::cause, Culprit::time_for_a_cause_secs});
      return;
    case Culprit::Verdict::wait:
      return;
  }
}

void JobCore::on_member_ended(int member, const std::string& reason) {
  ended_.at(static_cast<std::size_t>(member)) = true;
  if (stopping_) {
    if (all_over()) end();
    return;
  }
  const JobMember& gone = members_[static_cast<std::size_t>(member)];
  DeviceFault fault;
  fault.rank = gone.ranks.front();
  fault.num_ranks = static_cast<int>(gone.ranks.size());
  fault.host = gone.host;
  // Who watches an agent's process may yet tell more of its end than that it came.
  fault.cause = gone.host.empty() ? FaultCause::actor_ended : FaultCause::agent_unreachable;
  fault.detail = reason;
  on_fault(fault);
}

void JobCore::on_failure(Outcome outcome, const std::string& why) { give(core_.on_failure(outcome, why)); }

// A second time it cannot even hear of its failure: End still says that all is over.
void JobCore::on_listener_failed(Outcome outcome, const std::string& why) {
  if (std::exchange(listener_failed_, true)) return;
  const std::vector<Order> orders = core_.on_failure(outcome, why);
  if (orders.empty()) effects_.push_back(Tell{JobFinished{outcome, why, {}}});  // the job was over already
  give(orders);
}

void JobCore::on_stop_request() { give(core_.on_stop_request()); }

void JobCore::on_timer(Timer timer, std::int64_t now_ns) {
  switch (timer) {
    case Timer::silence:
      return look_for_silence(now_ns);
    case Timer::cause:
      return give(core_.on_fault(culprit_.fault(), culprit_.in_words(*plan_)));
    case Timer::commit:
      return look_for_commit(now_ns);
    case Timer::end:
      return end();
  }
}

// Between ops a device's actor answers. Devices wait for each other no longer than the peer timeout, but what one does
// by itself, such as reading its state from a disk that hangs, nobody else would notice.
void JobCore::look_for_silence(std::int64_t now_ns) {
  if (core_.finished() || culprit_.is_sought()) return;
  for (std::size_t rank = 0; rank < heard_ns_.size(); ++rank) {
    DeviceFault fault;
    fault.rank = static_cast<int>(rank);
    fault.cause = FaultCause::actor_silent;
    fault.secs = in_secs(now_ns - heard_ns_[rank]);
    if (fault.secs > longest_silence_secs()) return on_fault(fault);
  }
  effects_.push_back(ToMembers{WaitsRequest{}});
  effects_.push_back(WakeIn{Timer::silence, plan_->job.cluster.peer_timeout_secs});
}

// The timer may be that of an earlier commit.
void JobCore::look_for_commit(std::int64_t now_ns) {
  if (!commit_began_ns_) return;
  const double secs = in_secs(now_ns - *commit_began_ns_);
  if (secs >= longest_silence_secs())
    give(core_.on_commit_failed(fmt::format("the disk has not finished writing it after {:.3g} s", secs)));
}

double JobCore::longest_silence_secs() const { return longest_silence * plan_->job.cluster.peer_timeout_secs; }

// Orders first: devices work while the listener writes. But nothing is told after the end.
void JobCore::give(const std::vector<Order>& orders) {
  if (!core_.finished()) send(orders);
  tell_progress();
  if (core_.finished()) send(orders);
}

void JobCore::tell_progress() {
  for (Progressed& progress : core_.take_progress()) effects_.push_back(Tell{std::move(progress)});
}

void JobCore::send(const std::vector<Order>& orders) {
  for (const Order& order : orders) {
    std::visit([this](const auto& message) { effects_.push_back(ToMembers{message}); }, order);
    if (!std::holds_alternative<StopOrder>(order) || std::exchange(stopping_, true)) continue;
    effects_.push_back(WakeIn{Timer::end, time_to_end_secs});
    if (all_over()) end();
  }
}

bool JobCore::all_over() const {
  return !commit_began_ns_ && std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; });
}

void JobCore::end() {
  if (!std::exchange(over_, true)) effects_.push_back(End{all_over()});
}

}  // namespace dsrun
