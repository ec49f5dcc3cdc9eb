#include "actors/processes/net/clock_comparison.hpp"

#include <fstream>

#include <sys/stat.h>

namespace dsrun {

std::string own_clock_name() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat time {};
  if (stat("/proc/self/ns/time", &time) != 0) time.st_ino = 0;
  return boot + '/' + std::to_string(time.st_ino);
}

void ClockComparison::add(std::int64_t asked_ns, std::int64_t told_ns, std::int64_t heard_ns) {
  ++num_answers_;
  const std::int64_t half = (heard_ns - asked_ns) / 2;
  if (error_ns_ >= 0 && half >= error_ns_) return;
  ahead_ns_ = told_ns - asked_ns - half;
  error_ns_ = half;
}

}  // namespace dsrun
