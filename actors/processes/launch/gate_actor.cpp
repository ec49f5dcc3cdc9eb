#include "actors/processes/launch/gate_actor.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "actors/core/durations.hpp"

namespace dsrun {
namespace {

constexpr int clock_questions = 8;
constexpr double time_to_hear_secs = 2;  // for agents, of a start that failed
constexpr double beats_a_core = 8;       // processes of which each still gets to beat in time

double gibibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

bool has_devices(const Enlist& enlist, const GateNode& wanted) {
  return enlist.devices == 0 || enlist.devices >= wanted.num_ranks;
}

}  // namespace

double GateShell::now() const { return static_cast<double>(now_ns()) * 1e-9; }

std::int64_t GateShell::now_ns() const {
  return std::chrono::nanoseconds(self_->system().clock().now().time_since_epoch()).count();
}

caf::behavior GateShell::make_behavior(GateSetup setup) {
  setup_ = std::move(setup);
  agents_.resize(setup_.nodes.size());
  began_ = now();
  self_->delayed_send(self_, nanoseconds(setup_.start_secs), Deadline{});
  self_->set_down_handler([this](const caf::down_msg& down) { on_down(down.source); });
  return {
      [this](const Enlist& enlist) { on_enlist(enlist); },
      [this](const ClockReply& reply) { on_clock(reply); },
      [this](NodeHere& here) { on_here(here); },
      [this](const StartFault& fault) {
        fail_start(fmt::format("{}: {}", name_of(static_cast<std::size_t>(fault.node)), fault.detail));
      },
      [this](const Connect& connect) { on_coordinator(connect); },
      [this](const Beat& beat) {
        beats_.heard(beat.generation, beat.from, now());
        if (const auto node = static_cast<std::size_t>(beat.from); node < agents_.size() && agents_[node].actor)
          self_->send(agents_[node].actor, Beat{setup_.generation, the_gate});
      },
      [this](const Farewell& farewell) {
        const auto node = static_cast<std::size_t>(farewell.from);
        if (node >= agents_.size() || !agents_[node].actor) return;
        agents_[node].left = true;
        beats_.forget(farewell.from);
        self_->send(agents_[node].actor, Farewell{the_gate});
      },
      [this](const Spans& spans) { setup_.on_spans(spans); },
      [this](const Links& links) { setup_.on_links(links); },
      [this](const ChildEnded& ended) { on_agent_ended(ended); },
      [this](Deadline) {
        if (started_ || failed_) return;
        if (const double left = began_ + setup_.start_secs * most_crowded_ - now(); left > 0)
          return self_->delayed_send(self_, nanoseconds(left), Deadline{});
        std::string missing;
        for (std::size_t node = 0; node < agents_.size(); ++node)
          if (!agents_[node].here)
            missing += fmt::format("{}{} {}", missing.empty() ? "" : "; ", name_of(node),
                                   agents_[node].actor ? "has an agent, but not all its devices" : "has no agent");
        fail_start(fmt::format("not all hosts were there after {:.3g} s: {}{}", now() - began_, missing,
                               last_refused_.empty() ? "" : "; refused: " + last_refused_));
      },
      [this](Tick) { on_tick(); },
      [this](StopRequest) { fail_start("stopped before it began"); },
      [this](GiveUp) {
        guests_.clear();
        tell_failure();
      },
      [this](StopOrder) { self_->quit(); },
  };
}

std::string GateShell::name_of(std::size_t node) const {
  if (node >= agents_.size()) return fmt::format("node {}", node);
  const std::string& own = agents_[node].host;
  const std::string& host = setup_.nodes[node].host;
  return own.empty() || own == host ? fmt::format("host {}", host) : fmt::format("host {} ({})", host, own);
}

int GateShell::place(const Enlist& enlist) const {
  const auto is_free = [&](std::size_t node) { return !agents_[node].actor; };
  if (enlist.node >= 0) {
    const auto node = static_cast<std::size_t>(enlist.node);
    return node < agents_.size() && is_free(node) ? enlist.node : -1;
  }
  // Its own by name, else one that it can be, else one of which it is then told why it cannot.
  const auto first = [&](auto&& suits) {
    for (std::size_t node = 0; node < agents_.size(); ++node)
      if (is_free(node) && suits(setup_.nodes[node])) return static_cast<int>(node);
    return -1;
  };
  const auto fits = [&](const GateNode& node) { return has_devices(enlist, node); };
  int node = first([&](const GateNode& each) { return each.host == enlist.host && fits(each); });
  if (node < 0) node = first(fits);
  return node >= 0 ? node : first([](const GateNode&) { return true; });
}

// Several agents of a host share its memory; none has taken much of it before all are there.
std::string GateShell::what_is_short(const GateNode& wanted, const Enlist& enlist) const {
  if (!has_devices(enlist, wanted))
    return fmt::format("too few devices on host {}: it offers {}, and node {} has {} ranks", enlist.host,
                       enlist.devices, wanted.host, wanted.num_ranks);
  std::int64_t needed_bytes = wanted.needed_bytes;
  int num_ranks = wanted.num_ranks;
  for (std::size_t node = 0; node < agents_.size(); ++node) {
    if (!agents_[node].actor || agents_[node].host != enlist.host || agents_[node].clock != enlist.clock) continue;
    needed_bytes += setup_.nodes[node].needed_bytes;
    num_ranks += setup_.nodes[node].num_ranks;
  }
  if (needed_bytes <= enlist.available_bytes) return "";
  return fmt::format(
      "too little memory on host {}: its {} ranks together need {:.2f} GiB at their peak, and {:.2f} GiB are available "
      "(dsrun plan shows where it goes)",
      enlist.host, num_ranks, gibibytes(needed_bytes), gibibytes(enlist.available_bytes));
}

void GateShell::on_enlist(const Enlist& enlist) {
  const auto refuse = [&](const std::string& reason) { self_->send(enlist.agent, Refused{reason}); };
  self_->monitor(enlist.agent);
  guests_.push_back(enlist.agent.address());
  if (enlist.build != setup_.build) {
    last_refused_ =
        fmt::format("host {} has another version of dsrun: {}, this is {}", enlist.host, enlist.build, setup_.build);
    refuse(fmt::format("another version of dsrun: {} here, {} at the launcher", enlist.build, setup_.build));
    if (!started_ && enlist.node >= 0) fail_start(last_refused_);
    return;
  }
  const int place_of_it = failed_ ? -1 : place(enlist);
  if (place_of_it < 0) return refuse("the job has all the agents that it needs");
  const auto node = static_cast<std::size_t>(place_of_it);
  const GateNode& wanted = setup_.nodes[node];
  if (const std::string shortage = what_is_short(wanted, enlist); !shortage.empty()) {
    refuse(shortage);
    return fail_start(shortage);
  }
  agents_[node].actor = enlist.agent;
  agents_[node].host = enlist.host;
  // A beat takes next to no time, but behind many processes that want the core it comes later.
  int num_ranks = 0;
  for (const GateNode& each : setup_.nodes)
    if (each.host == wanted.host) num_ranks += each.num_ranks;
  const double crowd = std::max(1.0, num_ranks / (beats_a_core * std::max(1, enlist.cores)));
  most_crowded_ = std::max(most_crowded_, crowd);
  agents_[node].freeze_secs = setup_.freeze_secs * crowd;
  agents_[node].clock = enlist.clock;
  if (enlist.clock == own_clock_name())
    begin(place_of_it);
  else
    ask_clock(place_of_it);
}

void GateShell::ask_clock(int node) {
  self_->send(agents_[static_cast<std::size_t>(node)].actor, ClockRequest{node, now_ns()});
}

void GateShell::on_clock(const ClockReply& reply) {
  const auto node = static_cast<std::size_t>(reply.node);
  if (node >= agents_.size() || !agents_[node].actor || failed_) return;
  ClockComparison& comparison = agents_[node].comparison;
  comparison.add(reply.asked_ns, reply.monotonic_ns, now_ns());
  if (comparison.num_answers() < clock_questions)
    ask_clock(reply.node);
  else
    begin(reply.node);
}

void GateShell::begin(int node) {
  const Agent& agent = agents_[static_cast<std::size_t>(node)];
  const GateNode& wanted = setup_.nodes[static_cast<std::size_t>(node)];
  self_->send(agent.actor, Begin{node, wanted.first_rank, wanted.num_ranks, setup_.world, setup_.generation,
                                 setup_.brief, setup_.secret, agent.freeze_secs, agent.comparison.ahead_ns()});
}

void GateShell::on_here(NodeHere& here) {
  const auto node = static_cast<std::size_t>(here.node);
  if (node >= agents_.size() || failed_) return;
  agents_[node].data_addresses = std::move(here.data_addresses);
  agents_[node].here = true;
  if (!std::all_of(agents_.begin(), agents_.end(), [](const Agent& agent) { return agent.here; })) return;
  started_ = true;
  guests_.clear();
  std::vector<caf::actor> all;
  for (const Agent& agent : agents_) all.push_back(agent.actor);
  setup_.on_started(all);
}

void GateShell::on_coordinator(const Connect& connect) {
  coordinator_ = connect.coordinator;
  beats_ = Heartbeats(setup_.generation, setup_.freeze_secs * most_crowded_);
  Peers peers;
  peers.coordinator = connect.coordinator;
  for (std::size_t node = 0; node < agents_.size(); ++node) {
    for (std::string& address : agents_[node].data_addresses) {
      peers.data_addresses.push_back(std::move(address));
      peers.hosts.push_back(static_cast<int>(node));
    }
    beats_.watch(static_cast<int>(node), now());
  }
  for (const Agent& agent : agents_) self_->send(agent.actor, peers);
  on_tick();
}

void GateShell::on_agent_ended(const ChildEnded& ended) {
  const auto node = static_cast<std::size_t>(ended.child);
  if (agents_[node].left) return;
  const std::string detail = fmt::format("its agent ended: {}", ended.how);
  if (!started_) return fail_start(fmt::format("{}: {}", name_of(node), detail));
  tell_loss(node, detail);
}

void GateShell::on_tick() {
  for (int silent : beats_.take_silent(now())) {
    const auto node = static_cast<std::size_t>(silent);
    tell_loss(node, fmt::format("silent for {:.3g} s: frozen, or cut off", beats_.limit_secs()));
    setup_.kill_agent(silent);
  }
  self_->delayed_send(self_, nanoseconds(beats_.interval_secs()), Tick{});
}

void GateShell::tell_loss(std::size_t node, const std::string& detail) {
  if (!coordinator_) return;
  const GateNode& lost = setup_.nodes[node];
  beats_.forget(static_cast<int>(node));
  self_->send(
      coordinator_,
      DeviceFault{.rank = lost.first_rank,
                  .where = lost.num_ranks == 1 ? name_of(node)
                                               : fmt::format("{} (ranks {} to {})", name_of(node), lost.first_rank,
                                                             lost.first_rank + lost.num_ranks - 1),
                  .detail = detail,
                  .is_loss = true});
  // Of a host that is cut off CAF hears nothing more: say in its stead that nobody need wait for this agent's end.
  self_->send(coordinator_,
              caf::down_msg{agents_[node].actor.address(), caf::error(caf::exit_reason::remote_link_unreachable)});
}

void GateShell::fail_start(const std::string& cause) {
  if (failed_ || started_) return;
  failed_ = true;
  cause_ = cause;
  for (std::size_t node = 0; node < agents_.size(); ++node)
    if (agents_[node].actor)
      self_->send(agents_[node].actor, StopOrder{});
    else
      setup_.kill_agent(static_cast<int>(node));
  self_->delayed_send(self_, nanoseconds(time_to_hear_secs), GiveUp{});
  tell_failure();
}

void GateShell::tell_failure() {
  if (failed_ && guests_.empty() && setup_.on_start_failed) std::exchange(setup_.on_start_failed, nullptr)(cause_);
}

// Before the start a node whose agent is gone is free for another, if others can come.
void GateShell::on_down(const caf::actor_addr& who) {
  std::erase(guests_, who);
  if (!started_ && !failed_)
    for (Agent& agent : agents_)
      if (agent.actor && agent.actor.address() == who) agent = {};
  tell_failure();
}

}  // namespace dsrun
