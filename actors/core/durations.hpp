// Seconds, in which settings and time limits are, and nanoseconds, in which clocks count.
#pragma once

#include <chrono>
#include <cstdint>

namespace dsrun {

inline double in_secs(std::int64_t ns) { return static_cast<double>(ns) * 1e-9; }

// As CAF's delayed_send takes them.
inline std::chrono::nanoseconds nanoseconds(double secs) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(secs));
}

}  // namespace dsrun
