// Hashing of counters: the base of everything pseudo-random that must not depend on the mesh.
#pragma once

#include <cstdint>

namespace dsrun {

// splitmix64: a bijection of 64 bits in which every input bit moves every output bit.
inline std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace dsrun
