// The global order of samples: one pseudo-random permutation an epoch, as a pure function, in constant memory.
#pragma once

#include <cstdint>

namespace dsrun {

// The sample at `position` (counted over the whole run) among `num_samples`; each epoch visits every sample once.
// A Feistel network over the next power of four, walked until it falls inside the range (cycle walking).
std::int64_t sample_at(std::uint64_t seed, std::int64_t position, std::int64_t num_samples);

}  // namespace dsrun
