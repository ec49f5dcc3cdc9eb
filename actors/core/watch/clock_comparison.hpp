// Clocks of other hosts. Every machine counts CLOCK_MONOTONIC from its own start. So a time of one machine means
// nothing on another until the difference between the two clocks is known.
#pragma once

#include <cstdint>

namespace dsrun {

// How far another process's clock is ahead of this one's, from questions and answers. The other clock was read between
// question and answer; the shortest round trip gives the best estimate, as in NTP (RFC 5905, section 8).
class ClockComparison {
 public:
  void add(std::int64_t asked_ns, std::int64_t told_ns, std::int64_t heard_ns);  // here, there, here
  int num_answers() const { return num_answers_; }
  std::int64_t ahead_ns() const { return ahead_ns_; }
  std::int64_t error_ns() const { return error_ns_; }  // the true value lies within ± this; −1: no answer came

 private:
  int num_answers_ = 0;
  std::int64_t ahead_ns_ = 0, error_ns_ = -1;
};

}  // namespace dsrun
