// Heartbeats: who has been silent for too long. Plain values; whoever uses it brings the time, in seconds.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace dsrun {

class Heartbeats {
 public:
  explicit Heartbeats(std::uint32_t generation = 0, double limit_secs = 0)
      : generation_(generation), limit_secs_(limit_secs) {}

  double limit_secs() const { return limit_secs_; }
  double interval_secs() const { return limit_secs_ / 8; }  // between beats: several may be late

  void watch(int who, double now) { last_heard_[who] = now; }
  void forget(int who) { last_heard_.erase(who); }
  // A beat of another generation is one of the dead.
  void heard(std::uint32_t generation, int who, double now) {
    const auto found = last_heard_.find(who);
    if (generation == generation_ && found != last_heard_.end()) found->second = now;
  }
  // Those whose silence is longer than the limit, each told once. Where the asker itself was away for long, it has not
  // heard because it did not listen: everybody gets a new beginning.
  std::vector<int> take_silent(double now) {
    const bool was_away = last_asked_ >= 0 && now - last_asked_ > limit_secs_ / 2;
    last_asked_ = now;
    std::vector<int> silent;
    for (auto& [who, last] : last_heard_) {
      if (was_away) last = now;
      if (now - last > limit_secs_) silent.push_back(who);
    }
    for (int who : silent) forget(who);
    return silent;
  }

 private:
  std::uint32_t generation_;
  double limit_secs_;
  double last_asked_ = -1;
  std::map<int, double> last_heard_;
};

}  // namespace dsrun
