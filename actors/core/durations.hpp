// Conversions between seconds, the unit of settings and time limits, and nanoseconds, the unit of clocks.
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
