// [job]: the run as a whole.
#pragma once

#include <cstdint>
#include <string>

namespace dsrun {

// [job]
struct RunSpec {
  std::string name;
  std::int64_t steps = 0;                   // optimizer steps of the whole run
  std::uint64_t seed = 0;                   // decides initial values and the order of samples
  std::int64_t checkpoint_every_steps = 0;  // 0: only at the end and on a signal
  bool operator==(const RunSpec&) const = default;
};

}  // namespace dsrun
