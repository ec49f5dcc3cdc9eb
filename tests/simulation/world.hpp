// World: hosts, processes and the networks between them, in virtual time. Everything happens in one order that the seed
// decides; trace() is a hash of that order.
//
// Networks are as TCP and UCX are: between two processes messages neither overtake each other nor get lost, unless one
// of the two ends. A cut network is silent: what was sent meanwhile arrives once it is whole again. A frozen process
// does nothing and hears what it missed when it thaws. A host without power says nothing about its end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/simulation/random.hpp"
#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

using Pid = int;
using Happening = std::function<void()>;

constexpr std::int64_t ms = 1'000'000, secs = 1000 * ms;  // in ns, as all times here
constexpr std::int64_t for_ever = INT64_MAX / 4;

class World {
 public:
  explicit World(std::uint64_t seed) : random(seed) {}

  Random random;
  FakeClock clock;
  std::int64_t latency_ns = ms / 10, jitter_ns = ms / 10;  // of a message between hosts; inside one a tenth

  std::int64_t now() const { return clock.now_ns; }
  std::uint64_t trace() const { return trace_; }

  Pid start(int host);
  bool alive(Pid pid) const { return processes_.at(at(pid)).alive; }
  bool frozen(Pid pid) const { return processes_.at(at(pid)).frozen_until > now(); }
  int host_of(Pid pid) const { return processes_.at(at(pid)).host; }
  void kill(Pid pid);
  void freeze(Pid pid, std::int64_t how_long);
  void cut(int host, int other, std::int64_t how_long);
  void cut_power(int host);  // of all its processes; nobody hears of it
  bool can_reach(Pid from, Pid to) const;
  // Calls `heard` in the process `who` when `pid` ends: at once on one host, else when the word arrives, if it does.
  void watch(Pid who, Pid pid, Happening heard);

  // In the process `who`, unless it has ended by then.
  void later(Pid who, std::int64_t delay_ns, std::string_view what, Happening happen);
  void send(Pid from, Pid to, std::string_view what, Happening arrive);
  // From outside all processes.
  void at_time(std::int64_t when, std::string_view what, Happening happen);

  // Runs until nothing is left to happen, or `deadline`. False: the deadline came first.
  bool run(std::int64_t deadline);
  std::vector<Pid> living() const;
  void forget() { events_ = {}; }  // all that is still to happen

 private:
  struct Event {
    std::int64_t at;
    std::uint64_t number;
    Pid who;  // −1: nobody's
    std::string_view what;
    Happening happen;
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
  };
  struct Watch {
    Pid who;
    Happening heard;
  };
  struct Process {
    int host;
    bool alive = true;
    std::int64_t frozen_until = 0;
    std::vector<Watch> watches;
  };
  static std::size_t at(Pid pid) { return static_cast<std::size_t>(pid); }
  void push(std::int64_t when, Pid who, std::string_view what, Happening happen);
  std::int64_t whole_again(int host, int other) const;
  std::int64_t arrival(Pid from, Pid to);

  std::vector<Process> processes_;
  std::map<std::pair<int, int>, std::int64_t> cuts_;     // by hosts: until when
  std::set<int> dark_;                                   // hosts without power
  std::map<std::pair<Pid, Pid>, std::int64_t> arrived_;  // by sender and receiver: when the last message arrives
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t num_events_ = 0, trace_ = 0;
};

}  // namespace dsrun::test
