#include "actors/processes/doctor/doctor_actor.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "actors/core/durations.hpp"
#include "cluster/hosts/diagnose.hpp"

namespace dsrun {
namespace {

constexpr int questions_a_clock = 12;
constexpr double part_secs = 3;

std::int64_t wall_ns() { return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Which of its host's probes is the end of a link: between hosts it is the first one.
int probe_of(const LinkMeasure& link, int end) { return link.from_node == link.to_node ? end : 0; }

}  // namespace

caf::behavior DoctorShell::make_behavior(DoctorSetup setup) {
  setup_ = std::move(setup);
  for (std::size_t node = 0; node < setup_.hosts.size(); ++node) {
    Host host;
    host.report.node = static_cast<int>(node);
    host.report.host = setup_.hosts[node];
    host.report.fault = setup_.faults[node];
    hosts_.push_back(std::move(host));
  }
  self_->set_down_handler([this](const caf::down_msg& down) {
    for (const Host& each : hosts_)
      if (each.agent && each.agent.address() == down.source) on_lost(each.report.node, "its agent is gone");
  });
  set_deadline(setup_.start_secs);
  self_->send(self_, Tick{});
  return {
      [this](Tick) { go_on(); },
      [this](const Enlist& enlist) { on_enlist(enlist); },
      [this](const ClockReply& reply) { on_clock(reply); },
      [this](Examined& examined) { on_examined(examined); },
      [this](const ProbesHere& here) {
        if (!is_known(here.node)) return;
        host(here.node).has_probes = here.fault.empty();
        host(here.node).no_probes = here.fault;
        go_on();
      },
      [this](const ProbeLost& lost) {
        if (!is_known(lost.node)) return;
        host(lost.node).has_probes = false;
        host(lost.node).no_probes = lost.how;
        if (stage_ == Stage::links && (links_[link_].from_node == lost.node || links_[link_].to_node == lost.node))
          return end_link({.fault = lost.how});
        go_on();
      },
      [this](const ProbeAddress& address) { on_address(address); },
      [this](const LinkMeasured& measured) {
        if (stage_ == Stage::links && static_cast<std::size_t>(measured.link) == link_) end_link(measured.measure);
      },
      [this](const StartFault& fault) { on_lost(fault.node, fault.detail); },
      [this](const ChildEnded& ended) { on_lost(static_cast<int>(ended.child), "its agent ended: " + ended.how); },
      [this](const Farewell& farewell) {
        if (!is_known(farewell.from)) return;
        host(farewell.from).has_left = true;
        self_->send(host(farewell.from).agent, Farewell{the_gate});
        go_on();
      },
      [this](GiveUp) {
        for (Host& each : hosts_)
          if (!each.is_examined && each.report.fault.empty()) each.report.fault = "interrupted";
        if (stage_ != Stage::parting) part();
      },
      [this](const Deadline& deadline) { on_deadline(deadline.number); },
  };
}

// Deadlines are numbered: one that was set for what has come meanwhile does not count.
void DoctorShell::set_deadline(double secs) { self_->delayed_send(self_, nanoseconds(secs), Deadline{++deadline_}); }

int DoctorShell::place(const Enlist& enlist) const {
  const auto is_free = [](const Host& each) { return !each.agent && each.report.fault.empty(); };
  const auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const Host& each) {
    return is_free(each) && (enlist.node >= 0 ? each.report.node == enlist.node : each.report.host == enlist.host);
  });
  if (found != hosts_.end()) return found->report.node;
  const auto any = std::find_if(hosts_.begin(), hosts_.end(), is_free);
  return enlist.node >= 0 || any == hosts_.end() ? -1 : any->report.node;
}

void DoctorShell::on_enlist(const Enlist& enlist) {
  const int node = stage_ == Stage::hosts ? place(enlist) : -1;
  if (node < 0) {
    self_->send(enlist.agent, Refused{"the examination has all the agents that it needs"});
    return;
  }
  Host& there = host(node);
  there.report.own_name = enlist.host;
  there.report.build = enlist.build;
  there.report.cores = enlist.cores;
  there.report.available_bytes = enlist.available_bytes;
  if (enlist.build != setup_.build) {  // it may not understand what follows
    there.report.fault = "another build of dsrun";
    self_->send(enlist.agent, Refused{fmt::format("another version of dsrun: {} here, {} at the launcher", enlist.build,
                                                  setup_.build)});
    return go_on();
  }
  there.agent = enlist.agent;
  self_->monitor(there.agent);
  Examine asked = setup_.asked;
  asked.node = node;
  asked.host = there.report.host;
  self_->send(there.agent, asked);
  ask_clock(node);
}

void DoctorShell::ask_clock(int node) { self_->send(host(node).agent, ClockRequest{node, wall_ns()}); }

void DoctorShell::on_clock(const ClockReply& reply) {
  if (!is_known(reply.node)) return;
  Host& there = host(reply.node);
  there.clock.add(reply.asked_ns, reply.wall_ns, wall_ns());
  there.report.clock = {static_cast<double>(there.clock.ahead_ns()) * 1e-9,
                        static_cast<double>(there.clock.error_ns()) * 1e-9};
  if (there.clock.num_answers() < questions_a_clock) return ask_clock(reply.node);
  go_on();
}

void DoctorShell::on_examined(Examined& examined) {
  const int node = examined.report.node;
  if (!is_known(node) || !host(node).report.fault.empty()) return;
  const ClockReading clock = host(node).report.clock;
  host(node).report = std::move(examined.report);
  host(node).report.clock = clock;
  host(node).examiner = examined.examiner;
  host(node).is_examined = true;
  go_on();
}

void DoctorShell::on_lost(int node, const std::string& how) {
  if (!is_known(node)) return;
  Host& there = host(node);
  there.has_left = true;
  if (stage_ == Stage::parting) return go_on();
  there.has_probes = false;
  if (there.no_probes.empty()) there.no_probes = how;
  if (!there.is_examined && there.report.fault.empty()) there.report.fault = how;
  if (stage_ == Stage::links && (links_[link_].from_node == node || links_[link_].to_node == node))
    return end_link({.fault = how});
  go_on();
}

void DoctorShell::on_deadline(int number) {
  if (number != deadline_) return;
  switch (stage_) {
    case Stage::hosts:
      return on_hosts_late();
    case Stage::probes:
      for (Host& each : hosts_)
        if (each.is_examined && !each.has_probes && each.no_probes.empty())
          each.no_probes = "its probes did not come in time";
      break;
    case Stage::links:
      return end_link({.fault = fmt::format("nothing was measured in {:.3g} s", setup_.link_secs)});
    case Stage::parting:
      return end();
  }
  go_on();
}

// Hosts whose agents came get time to be examined; then those that are not are given up.
void DoctorShell::on_hosts_late() {
  bool any_at_work = false;
  for (Host& each : hosts_) {
    if (each.is_examined || !each.report.fault.empty()) continue;
    if (!each.agent)
      each.report.fault = fmt::format("no agent came from there in {:.3g} s", setup_.start_secs);
    else if (is_late_)
      each.report.fault = "its agent came, but did not answer: a folder of the job may hang there";
    else
      any_at_work = true;
  }
  if (any_at_work) set_deadline(setup_.examine_secs);
  is_late_ = true;
  go_on();
}

// Of a host that was examined in time the clock counts as well, but nobody waits for it for ever.
bool DoctorShell::hosts_complete() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [this](const Host& each) {
    return !each.report.fault.empty() ||
           (each.is_examined && (is_late_ || each.clock.num_answers() >= questions_a_clock));
  });
}

bool DoctorShell::probes_complete() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const Host& each) { return !each.is_examined || each.has_probes || !each.no_probes.empty(); });
}

void DoctorShell::go_on() {
  if (stage_ == Stage::hosts && hosts_complete()) {
    stage_ = Stage::probes;
    set_deadline(setup_.start_secs);
  }
  if (stage_ == Stage::probes && probes_complete()) {
    plan_links();
    stage_ = Stage::links;
    return start_link();
  }
  if (stage_ == Stage::parting &&
      std::all_of(hosts_.begin(), hosts_.end(), [](const Host& each) { return !each.agent || each.has_left; }))
    end();
}

void DoctorShell::plan_links() {
  for (const bool inside : {true, false})
    for (const Host& from : hosts_)
      for (const Host& to : hosts_) {
        const int a = from.report.node, b = to.report.node;
        if (from.is_examined && to.is_examined && (inside ? a == b : a < b)) links_.push_back({a, b});
      }
}

// Starts the next link both of whose hosts have probes, or parts after the last one.
void DoctorShell::start_link() {
  const auto missing = [&](const LinkMeasure& link) -> const Host* {
    for (int node : {link.from_node, link.to_node})
      if (!host(node).has_probes) return &host(node);
    return nullptr;
  };
  for (; link_ < links_.size(); ++link_) {
    const Host* without = missing(links_[link_]);
    if (without == nullptr) break;
    links_[link_].fault = fmt::format("{}{}: {}", fault_without_probes, without->report.host, without->no_probes);
  }
  if (link_ == links_.size()) return part();
  const LinkMeasure& link = links_[link_];
  set_deadline(setup_.link_secs);
  for (int end : {0, 1}) {
    const int node = end == 0 ? link.from_node : link.to_node;
    self_->send(host(node).examiner, ProbeOrder{static_cast<int>(link_), probe_of(link, end), end});
  }
}

void DoctorShell::on_address(const ProbeAddress& address) {
  if (stage_ != Stage::links || static_cast<std::size_t>(address.link) != link_) return;
  const LinkMeasure& link = links_[link_];
  const int other = 1 - address.end;
  const int node = other == 0 ? link.from_node : link.to_node;
  self_->send(host(node).examiner, ProbePeer{address.link, probe_of(link, other), address.address});
}

void DoctorShell::end_link(const LinkMeasure& measure) {
  LinkMeasure& link = links_[link_];
  const int from = link.from_node, to = link.to_node;
  link = measure;
  link.from_node = from;
  link.to_node = to;
  ++link_;
  if (setup_.on_measured) setup_.on_measured(link_, links_.size());
  start_link();
}

void DoctorShell::part() {
  stage_ = Stage::parting;
  for (const Host& each : hosts_)
    if (each.agent) self_->send(each.agent, StopOrder{});
  set_deadline(part_secs);
  go_on();
}

void DoctorShell::end() {
  std::vector<HostReport> reports;
  for (Host& each : hosts_) reports.push_back(std::move(each.report));
  setup_.on_end(std::move(reports), std::move(links_));
  self_->quit();
}

}  // namespace dsrun
