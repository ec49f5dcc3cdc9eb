#include "tests/simulation/world.hpp"

#include <algorithm>

namespace dsrun::test {

Pid World::start(int host) {
  processes_.push_back({host, true, 0, {}});
  return static_cast<Pid>(processes_.size()) - 1;
}

void World::push(std::int64_t when, Pid who, std::string_view what, Happening happen) {
  events_.push({std::max(when, now()), num_events_++, who, what, std::move(happen)});
}

void World::at_time(std::int64_t when, std::string_view what, Happening happen) {
  push(when, -1, what, std::move(happen));
}

void World::later(Pid who, std::int64_t delay_ns, std::string_view what, Happening happen) {
  push(now() + delay_ns, who, what, std::move(happen));
}

std::int64_t World::whole_again(int host, int other) const {
  if (host == other) return 0;
  if (dark_.contains(host) || dark_.contains(other)) return for_ever;
  const auto found = cuts_.find(std::minmax(host, other));
  return found == cuts_.end() || found->second <= now() ? 0 : found->second;
}

bool World::can_reach(Pid from, Pid to) const { return whole_again(host_of(from), host_of(to)) == 0; }

std::int64_t World::arrival(Pid from, Pid to) {
  const int share = host_of(from) == host_of(to) ? 10 : 1;
  const std::int64_t flight = (latency_ns + random.below(jitter_ns + 1)) / share;
  const std::int64_t leaves = std::max(now(), whole_again(host_of(from), host_of(to)));
  std::int64_t& last = arrived_[{from, to}];
  return last = std::max(last, leaves + flight);
}

void World::send(Pid from, Pid to, std::string_view what, Happening arrive) {
  if (const std::int64_t when = arrival(from, to); when < for_ever) push(when, to, what, std::move(arrive));
}

void World::kill(Pid pid) {
  Process& process = processes_[at(pid)];
  if (!std::exchange(process.alive, false)) return;
  for (Watch& watch : std::exchange(process.watches, {}))
    if (can_reach(pid, watch.who)) send(pid, watch.who, "hears of an end", std::move(watch.heard));
}

void World::watch(Pid who, Pid pid, Happening heard) {
  Process& process = processes_[at(pid)];
  if (process.alive)
    process.watches.push_back({who, std::move(heard)});
  else if (can_reach(pid, who))
    later(who, 0, "hears of an end", std::move(heard));
}

void World::freeze(Pid pid, std::int64_t how_long) {
  std::int64_t& until = processes_[at(pid)].frozen_until;
  until = std::max(until, now() + how_long);
}

void World::cut(int host, int other, std::int64_t how_long) {
  std::int64_t& until = cuts_[std::minmax(host, other)];
  until = std::max(until, now() + how_long);
}

void World::cut_power(int host) {
  dark_.insert(host);
  for (Pid pid = 0; at(pid) < processes_.size(); ++pid)
    if (host_of(pid) == host) kill(pid);
}

std::vector<Pid> World::living() const {
  std::vector<Pid> all;
  for (Pid pid = 0; at(pid) < processes_.size(); ++pid)
    if (alive(pid)) all.push_back(pid);
  return all;
}

bool World::run(std::int64_t deadline) {
  while (!events_.empty()) {
    if (events_.top().at > deadline) {
      clock.now_ns = std::max(now(), deadline);
      return false;
    }
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    clock.now_ns = std::max(now(), event.at);
    if (event.who >= 0) {
      const Process& process = processes_[at(event.who)];
      if (!process.alive) continue;
      if (process.frozen_until > now()) {  // in the order in which it came
        if (process.frozen_until < for_ever)
          events_.push({process.frozen_until, event.number, event.who, event.what, std::move(event.happen)});
        continue;
      }
    }
    trace_ =
        (trace_ ^ static_cast<std::uint64_t>(now()) ^ std::hash<std::string_view>{}(event.what)) * 0x9e3779b97f4a7c15u +
        static_cast<std::uint64_t>(event.who);
    event.happen();
  }
  return true;
}

}  // namespace dsrun::test
