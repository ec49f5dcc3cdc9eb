// Seconds as a duration that CAF's delayed_send takes.
#pragma once

#include <chrono>

namespace dsrun {

inline std::chrono::nanoseconds nanoseconds(double secs) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(secs));
}

}  // namespace dsrun
