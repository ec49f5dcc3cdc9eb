// Clock: wall and thread CPU time; tests drive a fake one.
#pragma once

#include <cstdint>

namespace dsrun {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t wall_ns() const = 0;
  virtual std::int64_t thread_cpu_ns() const = 0;
};

const Clock& system_clock();

}  // namespace dsrun
