// Clocks of other hosts. Every machine counts CLOCK_MONOTONIC from its own start, so that the time when a message was
// sent or an op began says nothing elsewhere until it is known how far one clock is ahead of the other.
#pragma once

#include <cstdint>

namespace dsrun {

// How far another process's clock is ahead of this one's, from questions and answers. It was read between the two, and
// the shortest round trip says most, as in NTP (RFC 5905, section 8).
class ClockComparison {
 public:
  void add(std::int64_t asked_ns, std::int64_t told_ns, std::int64_t heard_ns);  // here, there, here
  int num_answers() const { return num_answers_; }
  std::int64_t ahead_ns() const { return ahead_ns_; }
  std::int64_t error_ns() const { return error_ns_; }  // the truth lies within ± this; −1: nothing was heard

 private:
  int num_answers_ = 0;
  std::int64_t ahead_ns_ = 0, error_ns_ = -1;
};

}  // namespace dsrun
