// Heartbeats: says who has been silent for too long. It holds plain values; the caller passes the time, in seconds.
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
  double interval_secs() const { return limit_secs_ / 8; }  // between beats, so that several may be late

  void watch(int who, double now) { last_heard_[who] = now; }
  void forget(int who) { last_heard_.erase(who); }
  // A beat of another generation comes from a former member and is ignored.
  void heard(std::uint32_t generation, int who, double now) {
    const auto found = last_heard_.find(who);
    if (generation == generation_ && found != last_heard_.end()) found->second = now;
  }
  // Returns those whose silence is longer than the limit, each once. If the caller has not asked for more than half the
  // limit, it was not listening: then everybody's silence counts from now.
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
