#include "tests/simulation/faults.hpp"

#include <fmt/format.h>

#include "actors/core/culprit.hpp"

namespace dsrun::test {
namespace {

// How long sim_plan()'s jobs may take to notice and to end: their time limit, the beat or look that it takes to see it
// passed, the moment in which a cause is sought, and messages.
constexpr double cause_secs = Culprit::time_for_a_cause_secs;
constexpr double after_death_secs = cause_secs + 0.4, after_freeze_secs = 1 + 0.25 + cause_secs + 0.2,
                 after_wait_secs = 3 + 0.3 + cause_secs + 0.5;
constexpr double after_disk_secs = 40;
constexpr std::int64_t short_at_most = 400 * ms;  // far from every time limit
constexpr std::int64_t job_takes = 400 * ms;      // about, from the launch to the end

}  // namespace

Faults::Faults(SimJob& job, bool any) : job_(job), random_(job.world.random) {
  World& world = job.world;
  if (random_.chance(0.3)) world.latency_ns = random_.between(0, 5) * ms;
  if (random_.chance(0.5)) world.jitter_ns = random_.between(0, 20) * ms;
  if (any)
    for (std::int64_t left = random_.below(3); left > 0; --left) draw_one(draw_time());
}

std::int64_t Faults::draw_time() {
  return job_.world.now() + random_.below(random_.chance(0.8) ? job_takes : 4 * job_takes);
}

void Faults::draw_one(std::int64_t when) {
  using Fault = void (Faults::*)();
  constexpr Fault all[] = {&Faults::kill_device,    &Faults::kill_device,      &Faults::freeze_device,
                           &Faults::freeze_device,  &Faults::kill_agent,       &Faults::freeze_agent,
                           &Faults::cut_hosts,      &Faults::cut_hosts,        &Faults::cut_power_of_host,
                           &Faults::lose_all_power, &Faults::trouble_the_disk, &Faults::trouble_the_disk,
                           &Faults::hurt_launcher};
  const Fault fault = all[random_.below(std::ssize(all))];
  job_.world.at_time(when, "fault", [this, fault] { (this->*fault)(); });
}

std::int64_t Faults::draw_duration(bool& is_short) {
  is_short = random_.chance(0.3);
  if (is_short) return random_.below(short_at_most);
  return random_.chance(0.5) ? for_ever : random_.between(short_at_most, 20 * secs);
}

void Faults::note(const std::string& what, const std::set<int>& ranks, double notice_secs) {
  hurt_.story += fmt::format("{}{:.3f} s: {}", hurt_.story.empty() ? "" : "; ",
                             static_cast<double>(job_.world.now()) * 1e-9, what);
  hurt_.ranks.insert(ranks.begin(), ranks.end());
  if (hurt_.count++ == 0) {
    hurt_.first_at = job_.world.now();
    hurt_.notice_ns = static_cast<std::int64_t>(notice_secs * 1e9);
  }
}

std::set<int> Faults::ranks_of(int host) const {
  std::set<int> ranks;
  for (int rank = 0; rank < job_.plan.num_ranks(); ++rank)
    if (job_.plan.plan->placement.node_of(rank) == host) ranks.insert(rank);
  return ranks;
}

void Faults::kill_device() {
  const auto rank = random_.below(job_.plan.num_ranks());
  const Pid pid = job_.device_pids[static_cast<std::size_t>(rank)];
  if (pid < 0 || !job_.world.alive(pid)) return;
  note(fmt::format("the device of rank {} is killed", rank), {static_cast<int>(rank)}, after_death_secs);
  job_.end(pid);
}

void Faults::freeze_device() {
  const auto rank = random_.below(job_.plan.num_ranks());
  const Pid pid = job_.device_pids[static_cast<std::size_t>(rank)];
  if (pid < 0 || !job_.world.alive(pid)) return;
  bool is_short = false;
  const std::int64_t duration = draw_duration(is_short);
  if (!is_short)
    note(fmt::format("the device of rank {} freezes for {:.3g} s", rank, static_cast<double>(duration) * 1e-9),
         {static_cast<int>(rank)}, after_freeze_secs);
  job_.world.freeze(pid, duration);
}

void Faults::kill_agent() {
  const auto node = random_.below(job_.plan.num_nodes());
  const Pid pid = job_.agent_pids[static_cast<std::size_t>(node)];
  if (pid < 0 || !job_.world.alive(pid)) return;
  note(fmt::format("the agent of host {} is killed", node), ranks_of(static_cast<int>(node)), after_death_secs);
  job_.end(pid);
}

void Faults::freeze_agent() {
  const auto node = random_.below(job_.plan.num_nodes());
  const Pid pid = job_.agent_pids[static_cast<std::size_t>(node)];
  if (pid < 0 || !job_.world.alive(pid)) return;
  bool is_short = false;
  const std::int64_t duration = draw_duration(is_short);
  if (!is_short)
    note(fmt::format("the agent of host {} freezes for {:.3g} s", node, static_cast<double>(duration) * 1e-9),
         ranks_of(static_cast<int>(node)), after_freeze_secs);
  job_.world.freeze(pid, duration);
}

void Faults::cut_power_of_host() {
  const auto host = static_cast<int>(random_.below(job_.plan.num_nodes()));
  note(fmt::format("host {} loses its power", host), ranks_of(host), after_freeze_secs);
  if (host == job_.options.launcher_host) hurt_.launcher = true;
  job_.world.cut_power(host);
}

// Of two hosts, of which one may be the launcher's alone.
void Faults::cut_hosts() {
  const int num_hosts = std::max(job_.plan.num_nodes(), job_.options.launcher_host + 1);
  const auto host = static_cast<int>(random_.below(num_hosts)), other = static_cast<int>(random_.below(num_hosts));
  if (host == other) return;
  bool is_short = false;
  const std::int64_t duration = draw_duration(is_short);
  std::set<int> ranks = ranks_of(host);
  ranks.merge(ranks_of(other));
  const bool from_launcher = host == job_.options.launcher_host || other == job_.options.launcher_host;
  if (!is_short)
    note(fmt::format("hosts {} and {} are cut from each other for {:.3g} s", host, other,
                     static_cast<double>(duration) * 1e-9),
         ranks, from_launcher ? after_freeze_secs : after_wait_secs);
  job_.world.cut(host, other, duration);
}

void Faults::trouble_the_disk() {
  if (random_.chance(0.2)) {
    hurt_.disk_lies = true;
    job_.disk.faults.lies = random_.chance(0.5) ? 1.0 : 0.3;
    return;
  }
  hurt_.disk = true;
  std::set<int> all;
  for (int rank = 0; rank < job_.plan.num_ranks(); ++rank) all.insert(rank);
  const std::int64_t kind = random_.below(4);
  if (kind == 0) {
    job_.disk.faults.refuses = 0.05;
  } else if (kind == 1) {
    job_.disk.faults.room = random_.below(40'000);
  } else if (kind == 2) {
    job_.disk.faults.refuses_reading = 0.2;
  } else {
    bool is_short = false;
    const std::int64_t duration = draw_duration(is_short);
    if (!is_short)
      note(fmt::format("the disk hangs for {:.3g} s", static_cast<double>(duration) * 1e-9), all, after_disk_secs);
    job_.disk_hangs_until = job_.world.now() + duration;
    return;
  }
  note(fmt::format("the disk has fault {}", kind), all, after_disk_secs);
}

void Faults::lose_all_power() {
  note("everything loses its power", {}, 0);
  hurt_.power = hurt_.launcher = true;
  for (int host = 0; host <= std::max(job_.plan.num_nodes(), job_.options.launcher_host); ++host)
    job_.world.cut_power(host);
}

void Faults::hurt_launcher() {
  hurt_.launcher = true;
  if (random_.chance(0.5)) {
    note("the launcher is killed", {}, 0);
    job_.end(job_.launcher_pid);
  } else {
    bool is_short = false;
    const std::int64_t duration = draw_duration(is_short);
    note(fmt::format("the launcher freezes for {:.3g} s", static_cast<double>(duration) * 1e-9), {}, 0);
    job_.world.freeze(job_.launcher_pid, duration);
  }
}

}  // namespace dsrun::test
