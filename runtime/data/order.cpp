#include "runtime/data/order.hpp"

#include "runtime/hash.hpp"

namespace dsrun {
std::int64_t sample_at(std::uint64_t seed, std::int64_t position, std::int64_t num_samples) {
  const auto count = static_cast<std::uint64_t>(num_samples);
  const std::uint64_t epoch = static_cast<std::uint64_t>(position) / count;
  const std::uint64_t key = mix64(seed ^ mix64(epoch));
  int half_bits = 1;
  while ((std::uint64_t{1} << (2 * half_bits)) < count) ++half_bits;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t index = static_cast<std::uint64_t>(position) % count;
  do {
    std::uint64_t left = index >> half_bits, right = index & mask;
    for (std::uint64_t turn = 0; turn < 4; ++turn) {
      const std::uint64_t next = left ^ (mix64(key + turn * 0x632be59bd9b4e019u + right) & mask);
      left = right;
      right = next;
    }
    index = left << half_bits | right;
  } while (index >= count);
  return static_cast<std::int64_t>(index);
}

}  // namespace dsrun
