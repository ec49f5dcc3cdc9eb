#include "actors/core/gate_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "actors/core/durations.hpp"

namespace dsrun {
namespace {

constexpr int gate_clock_questions = 8;
constexpr double time_to_hear_secs = 2;  // for agents, of a start that failed
constexpr double beats_a_core = 8;       // processes of which each still gets to beat in time

double gibibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

}  // namespace

GateCore::GateCore(GateOptions options, std::int64_t now_ns)
    : options_(std::move(options)), agents_(options_.hosts.size()), began_ns_(now_ns) {
  effects_.push_back(WakeIn{Timer::start, options_.start_secs});
}

std::vector<GateCore::Effect> GateCore::take_effects() { return std::exchange(effects_, {}); }

GateCore::Agent* GateCore::agent_of(int node) {
  return node >= 0 && static_cast<std::size_t>(node) < agents_.size() ? &agents_[static_cast<std::size_t>(node)]
                                                                      : nullptr;
}

int GateCore::num_ranks(std::size_t node) const {
  return static_cast<int>(options_.membership.ranks_of(static_cast<int>(node)).size());
}

std::string GateCore::name_of(std::size_t node) const {
  if (node >= agents_.size()) return fmt::format("number {}", node);
  const std::string& own = agents_[node].host;
  const std::string& name = options_.hosts[node].name;
  return own.empty() || own == name ? name : fmt::format("{} ({})", name, own);
}

int GateCore::place(const Enlist& enlist) const {
  if (enlist.node >= 0) {
    const auto node = static_cast<std::size_t>(enlist.node);
    return node < agents_.size() && is_free(node) ? enlist.node : -1;
  }
  // Its own by name, else one that it can be, else one of which it is then told why it cannot.
  const auto first = [&](auto&& suits) {
    for (std::size_t node = 0; node < agents_.size(); ++node)
      if (is_free(node) && suits(node)) return static_cast<int>(node);
    return -1;
  };
  const auto fits = [&](std::size_t node) { return enlist.devices == 0 || enlist.devices >= num_ranks(node); };
  int node = first([&](std::size_t each) { return options_.hosts[each].name == enlist.host && fits(each); });
  if (node < 0) node = first(fits);
  return node >= 0 ? node : first([](std::size_t) { return true; });
}

// Several agents of a host share its memory; none has taken much of it before all are there.
std::string GateCore::what_is_short(std::size_t node, const Enlist& enlist) const {
  int ranks = num_ranks(node);
  if (enlist.devices != 0 && enlist.devices < ranks)
    return fmt::format("too few devices on host {}: it offers {}, and node {} has {} ranks", enlist.host,
                       enlist.devices, options_.hosts[node].name, ranks);
  std::int64_t needed_bytes = options_.hosts[node].needed_bytes;
  for (std::size_t other = 0; other < agents_.size(); ++other) {
    if (is_free(other) || agents_[other].host != enlist.host || agents_[other].clock != enlist.clock) continue;
    needed_bytes += options_.hosts[other].needed_bytes;
    ranks += num_ranks(other);
  }
  if (needed_bytes <= enlist.available_bytes) return "";
  return fmt::format(
      "too little memory on host {}: its {} ranks together need {:.2f} GiB at their peak, and {:.2f} GiB are available "
      "(dsrun plan shows where it goes)",
      enlist.host, ranks, gibibytes(needed_bytes), gibibytes(enlist.available_bytes));
}

bool GateCore::is_of_this_build(Guest guest, const Enlist& enlist) {
  if (enlist.build == options_.build) return true;
  last_refused_ =
      fmt::format("host {} has another version of dsrun: {}, this is {}", enlist.host, enlist.build, options_.build);
  send(guest,
       Refused{fmt::format("another version of dsrun: {} here, {} at the launcher", enlist.build, options_.build)});
  if (!started_ && enlist.node >= 0) fail_start(last_refused_);
  return false;
}

void GateCore::on_enlist(Guest guest, const Enlist& enlist, std::int64_t now_ns) {
  guests_.insert(guest);
  if (!is_of_this_build(guest, enlist)) return;
  const int node = failed_ ? -1 : place(enlist);
  if (node < 0) return send(guest, Refused{"the job has all the agents that it needs"});
  if (const std::string shortage = what_is_short(static_cast<std::size_t>(node), enlist); !shortage.empty()) {
    send(guest, Refused{shortage});
    return fail_start(shortage);
  }
  admit(node, guest, enlist, now_ns);
}

void GateCore::admit(int node, Guest guest, const Enlist& enlist, std::int64_t now_ns) {
  Agent& agent = *agent_of(node);
  agent.guest = guest;
  agent.host = enlist.host;
  agent.clock = enlist.clock;
  const double crowd = crowd_of(static_cast<std::size_t>(node), enlist);
  most_crowded_ = std::max(most_crowded_, crowd);
  agent.freeze_secs = options_.freeze_secs * crowd;
  if (enlist.clock == options_.clock)
    begin(node);
  else
    ask_clock(node, now_ns);
}

// A beat takes next to no time, but behind many processes that want the core it comes later.
double GateCore::crowd_of(std::size_t node, const Enlist& enlist) const {
  int ranks = 0;
  for (std::size_t other = 0; other < agents_.size(); ++other)
    if (options_.hosts[other].name == options_.hosts[node].name) ranks += num_ranks(other);
  return std::max(1.0, ranks / (beats_a_core * std::max(1, enlist.cores)));
}

void GateCore::ask_clock(int node, std::int64_t now_ns) { send(agent_of(node)->guest, ClockRequest{node, now_ns}); }

void GateCore::on_clock(const ClockReply& reply, std::int64_t now_ns) {
  Agent* agent = agent_of(reply.node);
  if (agent == nullptr || agent->guest < 0 || failed_) return;
  agent->comparison.add(reply.asked_ns, reply.monotonic_ns, now_ns);
  if (agent->comparison.num_answers() < gate_clock_questions)
    ask_clock(reply.node, now_ns);
  else
    begin(reply.node);
}

void GateCore::begin(int node) {
  const Agent& agent = *agent_of(node);
  Begin order{
      node, options_.membership, options_.brief, options_.secret, agent.freeze_secs, agent.comparison.ahead_ns()};
  order.membership.plan = nullptr;
  send(agent.guest, std::move(order));
}

void GateCore::on_here(NodeHere here) {
  Agent* agent = agent_of(here.node);
  if (agent == nullptr || failed_) return;
  agent->data_addresses = std::move(here.data_addresses);
  agent->here = true;
  if (!std::all_of(agents_.begin(), agents_.end(), [](const Agent& each) { return each.here; })) return;
  started_ = true;
  guests_.clear();
  Started started;
  for (const Agent& each : agents_) started.guests.push_back(each.guest);
  effects_.push_back(std::move(started));
}

void GateCore::on_start_fault(const StartFault& fault) {
  fail_start(fmt::format("host {}: {}", name_of(static_cast<std::size_t>(fault.node)), fault.detail));
}

void GateCore::on_coordinator(std::int64_t now_ns) {
  has_coordinator_ = true;
  Membership& all = options_.membership;
  beats_ = Heartbeats(all.generation, options_.freeze_secs * most_crowded_);
  all.addresses.resize(all.hosts.size());
  Introduce introduce;
  for (std::size_t node = 0; node < agents_.size(); ++node) {
    const std::vector<int> ranks = all.ranks_of(static_cast<int>(node));
    for (std::size_t i = 0; i < ranks.size() && i < agents_[node].data_addresses.size(); ++i)
      all.addresses[static_cast<std::size_t>(ranks[i])] = std::move(agents_[node].data_addresses[i]);
    introduce.guests.push_back(agents_[node].guest);
    beats_.watch(static_cast<int>(node), in_secs(now_ns));
  }
  introduce.membership = all;
  introduce.membership.plan = nullptr;
  effects_.push_back(std::move(introduce));
  on_beat_timer(now_ns);
}

void GateCore::on_beat(const Beat& beat, std::int64_t now_ns) {
  beats_.heard(beat.generation, beat.from, in_secs(now_ns));
  if (const Agent* agent = agent_of(beat.from); agent != nullptr && agent->guest >= 0)
    send(agent->guest, Beat{options_.membership.generation, the_gate});
}

void GateCore::on_farewell(const Farewell& farewell) {
  Agent* agent = agent_of(farewell.from);
  if (agent == nullptr || agent->guest < 0) return;
  agent->left = true;
  beats_.forget(farewell.from);
  send(agent->guest, Farewell{the_gate});
}

void GateCore::on_agent_ended(int node, const std::string& how) {
  const auto index = static_cast<std::size_t>(node);
  if (agents_[index].left) return;
  if (!started_) return fail_start(fmt::format("host {}: its agent ended: {}", name_of(index), how));
  tell_loss(index, FaultCause::agent_ended, how);
}

// Before the start a node whose agent is gone is free for another, if others can come.
void GateCore::on_guest_gone(Guest guest) {
  guests_.erase(guest);
  if (!started_ && !failed_)
    for (Agent& agent : agents_)
      if (agent.guest == guest) agent = {};
  tell_failure();
}

void GateCore::on_stop_request() { fail_start("stopped before it began"); }

void GateCore::on_timer(Timer timer, std::int64_t now_ns) {
  switch (timer) {
    case Timer::start:
      return on_start_timer(now_ns);
    case Timer::beat:
      return on_beat_timer(now_ns);
    case Timer::hear:
      guests_.clear();
      return tell_failure();
  }
}

void GateCore::on_start_timer(std::int64_t now_ns) {
  if (started_ || failed_) return;
  const double waited = in_secs(now_ns - began_ns_);
  if (const double left = options_.start_secs * most_crowded_ - waited; left > 0) {
    effects_.push_back(WakeIn{Timer::start, left});
    return;
  }
  fail_start(fmt::format("not all hosts were there after {:.3g} s: {}{}", waited, who_is_missing(),
                         last_refused_.empty() ? "" : "; refused: " + last_refused_));
}

std::string GateCore::who_is_missing() const {
  std::string missing;
  for (std::size_t node = 0; node < agents_.size(); ++node)
    if (!agents_[node].here)
      missing += fmt::format("{}host {} {}", missing.empty() ? "" : "; ", name_of(node),
                             is_free(node) ? "has no agent" : "has an agent, but not all its devices");
  return missing;
}

void GateCore::on_beat_timer(std::int64_t now_ns) {
  for (int silent : beats_.take_silent(in_secs(now_ns))) {
    tell_loss(static_cast<std::size_t>(silent), FaultCause::agent_silent, "");
    effects_.push_back(KillAgent{silent});
  }
  effects_.push_back(WakeIn{Timer::beat, beats_.interval_secs()});
}

void GateCore::tell_loss(std::size_t node, FaultCause cause, const std::string& detail) {
  if (!has_coordinator_) return;
  beats_.forget(static_cast<int>(node));
  const std::vector<int> ranks = options_.membership.ranks_of(static_cast<int>(node));
  DeviceFault fault;
  fault.rank = ranks.front();
  fault.num_ranks = static_cast<int>(ranks.size());
  fault.host = name_of(node);
  fault.cause = cause;
  fault.secs = beats_.limit_secs();
  fault.detail = detail;
  effects_.push_back(TellLoss{agents_[node].guest, std::move(fault)});
}

void GateCore::fail_start(const std::string& cause) {
  if (failed_ || started_) return;
  failed_ = true;
  cause_ = cause;
  for (std::size_t node = 0; node < agents_.size(); ++node)
    if (is_free(node))
      effects_.push_back(KillAgent{static_cast<int>(node)});
    else
      send(agents_[node].guest, StopOrder{});
  effects_.push_back(WakeIn{Timer::hear, time_to_hear_secs});
  tell_failure();
}

void GateCore::tell_failure() {
  if (failed_ && guests_.empty() && !std::exchange(told_, true)) effects_.push_back(StartFailed{cause_});
}

}  // namespace dsrun
