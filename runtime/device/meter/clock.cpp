#include "runtime/device/meter/clock.hpp"

#include <ctime>

namespace dsrun {
namespace {

std::int64_t read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

class SystemClock : public Clock {
 public:
  std::int64_t wall_ns() const override { return read(CLOCK_MONOTONIC); }
  std::int64_t thread_cpu_ns() const override { return read(CLOCK_THREAD_CPUTIME_ID); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace dsrun
