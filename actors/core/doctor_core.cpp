#include "actors/core/doctor_core.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cluster/hosts/diagnose.hpp"

namespace dsrun {
namespace {

constexpr int wall_questions = 12;
constexpr double part_secs = 3;

// Which of its host's probes is the end of a link: between hosts it is the first one.
int probe_of(const LinkMeasure& link, int end) { return link.from_node == link.to_node ? end : 0; }

}  // namespace

DoctorCore::DoctorCore(ExaminationOptions options) : options_(std::move(options)) {
  for (std::size_t node = 0; node < options_.hosts.size(); ++node) {
    Host host;
    host.report.node = static_cast<int>(node);
    host.report.host = options_.hosts[node];
    host.report.fault = options_.faults[node];
    hosts_.push_back(std::move(host));
  }
  set_deadline(options_.start_secs);
  go_on();
}

std::vector<DoctorCore::Effect> DoctorCore::take_effects() { return std::exchange(effects_, {}); }

void DoctorCore::set_deadline(double secs) { effects_.push_back(WakeIn{++deadline_, secs}); }

int DoctorCore::place(const Enlist& enlist) const {
  const auto is_free = [](const Host& each) { return each.guest < 0 && each.report.fault.empty(); };
  const auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const Host& each) {
    return is_free(each) && (enlist.node >= 0 ? each.report.node == enlist.node : each.report.host == enlist.host);
  });
  if (found != hosts_.end()) return found->report.node;
  const auto any = std::find_if(hosts_.begin(), hosts_.end(), is_free);
  return enlist.node >= 0 || any == hosts_.end() ? -1 : any->report.node;
}

// Another build may not understand what follows.
bool DoctorCore::is_of_this_build(Host& there, Guest guest, const Enlist& enlist) {
  if (enlist.build == options_.build) return true;
  there.report.fault = "another build of dsrun";
  send(guest,
       Refused{fmt::format("another version of dsrun: {} here, {} at the launcher", enlist.build, options_.build)});
  return false;
}

void DoctorCore::on_enlist(Guest guest, const Enlist& enlist, std::int64_t wall_ns) {
  const int node = stage_ == Stage::hosts ? place(enlist) : -1;
  if (node < 0) return send(guest, Refused{"the examination has all the agents that it needs"});
  Host& there = host(node);
  there.report.own_name = enlist.host;
  there.report.build = enlist.build;
  there.report.cores = enlist.cores;
  there.report.available_bytes = enlist.available_bytes;
  if (!is_of_this_build(there, guest, enlist)) return go_on();
  there.guest = guest;
  Examine asked = options_.asked;
  asked.node = node;
  asked.host = there.report.host;
  send(guest, std::move(asked));
  ask_clock(node, wall_ns);
}

void DoctorCore::on_guest_gone(Guest guest) {
  for (const Host& each : hosts_)
    if (each.guest == guest) return on_lost(each.report.node, "its agent is gone");
}

void DoctorCore::ask_clock(int node, std::int64_t wall_ns) { send(host(node).guest, ClockRequest{node, wall_ns}); }

void DoctorCore::on_clock(const ClockReply& reply, std::int64_t wall_ns) {
  if (!is_known(reply.node)) return;
  Host& there = host(reply.node);
  there.clock.add(reply.asked_ns, reply.wall_ns, wall_ns);
  there.report.clock = {static_cast<double>(there.clock.ahead_ns()) * 1e-9,
                        static_cast<double>(there.clock.error_ns()) * 1e-9};
  if (there.clock.num_answers() < wall_questions) return ask_clock(reply.node, wall_ns);
  go_on();
}

void DoctorCore::on_examined(HostReport report) {
  const int node = report.node;
  if (!is_known(node) || !host(node).report.fault.empty()) return;
  report.clock = host(node).report.clock;
  host(node).report = std::move(report);
  host(node).is_examined = true;
  go_on();
}

void DoctorCore::on_probes(const ProbesHere& here) {
  if (!is_known(here.node)) return;
  host(here.node).has_probes = here.fault.empty();
  host(here.node).no_probes = here.fault;
  go_on();
}

bool DoctorCore::measures(int node) const {
  return stage_ == Stage::links && (links_[link_].from_node == node || links_[link_].to_node == node);
}

void DoctorCore::on_probe_lost(const ProbeLost& lost) {
  if (!is_known(lost.node)) return;
  host(lost.node).has_probes = false;
  host(lost.node).no_probes = lost.how;
  if (measures(lost.node)) return end_link({.fault = lost.how});
  go_on();
}

void DoctorCore::on_lost(int node, const std::string& how) {
  if (!is_known(node)) return;
  Host& there = host(node);
  there.has_left = true;
  if (stage_ == Stage::parting) return go_on();
  there.has_probes = false;
  if (there.no_probes.empty()) there.no_probes = how;
  if (!there.is_examined && there.report.fault.empty()) there.report.fault = how;
  if (measures(node)) return end_link({.fault = how});
  go_on();
}

void DoctorCore::on_farewell(const Farewell& farewell) {
  if (!is_known(farewell.from) || host(farewell.from).guest < 0) return;
  host(farewell.from).has_left = true;
  send(host(farewell.from).guest, Farewell{the_gate});
  go_on();
}

void DoctorCore::on_stop_request() {
  if (stage_ == Stage::parting || stage_ == Stage::over) return;
  for (Host& each : hosts_)
    if (!each.is_examined && each.report.fault.empty()) each.report.fault = "interrupted";
  part();
}

void DoctorCore::on_timer(int number) {
  if (number != deadline_) return;
  switch (stage_) {
    case Stage::hosts:
      return on_hosts_late();
    case Stage::probes:
      for (Host& each : hosts_)
        if (each.is_examined && !each.has_probes && each.no_probes.empty())
          each.no_probes = "its probes did not come in time";
      return go_on();
    case Stage::links:
      return end_link({.fault = fmt::format("nothing was measured in {:.3g} s", options_.link_secs)});
    case Stage::parting:
      return end();
    case Stage::over:
      return;
  }
}

// Hosts whose agents came get time to be examined; then those that are not are given up.
void DoctorCore::on_hosts_late() {
  bool any_at_work = false;
  for (Host& each : hosts_) {
    if (each.is_examined || !each.report.fault.empty()) continue;
    if (each.guest < 0)
      each.report.fault = fmt::format("no agent came from there in {:.3g} s", options_.start_secs);
    else if (is_late_)
      each.report.fault = "its agent came, but did not answer: a folder of the job may hang there";
    else
      any_at_work = true;
  }
  if (any_at_work) set_deadline(options_.examine_secs);
  is_late_ = true;
  go_on();
}

// Of a host that was examined in time the clock counts as well, but nobody waits for it for ever.
bool DoctorCore::hosts_complete() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [this](const Host& each) {
    return !each.report.fault.empty() || (each.is_examined && (is_late_ || each.clock.num_answers() >= wall_questions));
  });
}

bool DoctorCore::probes_complete() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const Host& each) { return !each.is_examined || each.has_probes || !each.no_probes.empty(); });
}

void DoctorCore::go_on() {
  if (stage_ == Stage::hosts && hosts_complete()) {
    stage_ = Stage::probes;
    set_deadline(options_.start_secs);
  }
  if (stage_ == Stage::probes && probes_complete()) {
    plan_links();
    stage_ = Stage::links;
    return start_link();
  }
  if (stage_ == Stage::parting &&
      std::all_of(hosts_.begin(), hosts_.end(), [](const Host& each) { return each.guest < 0 || each.has_left; }))
    end();
}

void DoctorCore::plan_links() {
  for (const bool inside : {true, false})
    for (const Host& from : hosts_)
      for (const Host& to : hosts_) {
        const int a = from.report.node, b = to.report.node;
        if (from.is_examined && to.is_examined && (inside ? a == b : a < b)) links_.push_back({a, b});
      }
}

// Starts the next link both of whose hosts have probes, or parts after the last one.
void DoctorCore::start_link() {
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
  set_deadline(options_.link_secs);
  for (int end : {0, 1})
    effects_.push_back(ToExaminer{end == 0 ? link.from_node : link.to_node,
                                  ProbeOrder{static_cast<int>(link_), probe_of(link, end), end}});
}

void DoctorCore::on_address(const ProbeAddress& address) {
  if (stage_ != Stage::links || static_cast<std::size_t>(address.link) != link_) return;
  const LinkMeasure& link = links_[link_];
  const int other = 1 - address.end;
  effects_.push_back(ToExaminer{other == 0 ? link.from_node : link.to_node,
                                ProbePeer{address.link, probe_of(link, other), address.address}});
}

void DoctorCore::on_measured(const LinkMeasured& measured) {
  if (stage_ == Stage::links && static_cast<std::size_t>(measured.link) == link_) end_link(measured.measure);
}

void DoctorCore::end_link(const LinkMeasure& measure) {
  LinkMeasure& link = links_[link_];
  const int from = link.from_node, to = link.to_node;
  link = measure;
  link.from_node = from;
  link.to_node = to;
  ++link_;
  effects_.push_back(Measured{link_, links_.size()});
  start_link();
}

void DoctorCore::part() {
  stage_ = Stage::parting;
  for (const Host& each : hosts_)
    if (each.guest >= 0) send(each.guest, StopOrder{});
  set_deadline(part_secs);
  go_on();
}

void DoctorCore::end() {
  stage_ = Stage::over;
  End end;
  for (Host& each : hosts_) end.reports.push_back(std::move(each.report));
  end.links = std::move(links_);
  effects_.push_back(std::move(end));
}

}  // namespace dsrun
