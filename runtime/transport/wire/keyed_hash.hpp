// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short inputs. Without the key nobody can guess or verify
// a value. So a value proves that a header comes from a process of the same job; tags are values too, so that strangers
// cannot guess them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dsrun {

using JobSecret = std::array<std::byte, 32>;  // the same in every process of a job; random, new for each job

struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

std::uint64_t sip_hash(const SipKey& key, std::span<const std::byte> input);

// Two keys of 16 bytes each, little endian, from a secret.
std::array<SipKey, 2> sip_keys(const JobSecret& secret);

}  // namespace dsrun
