#include "actors/core/watch/clock_comparison.hpp"

namespace dsrun {

void ClockComparison::add(std::int64_t asked_ns, std::int64_t told_ns, std::int64_t heard_ns) {
  ++num_answers_;
  const std::int64_t half = (heard_ns - asked_ns) / 2;
  if (error_ns_ >= 0 && half >= error_ns_) return;
  ahead_ns_ = told_ns - asked_ns - half;
  error_ns_ = half;
}

}  // namespace dsrun
