// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short inputs. Who does not know the key can neither
// guess nor verify a value, so it serves as proof that a header comes from a process of the same job, and hides tags.
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
