// Hop: which part of the way between the token's rank and the expert's rank a message takes
// (cluster/layout/expert_routes.hpp).
#pragma once

#include <cstdint>

namespace dsrun {

enum class Hop : std::uint8_t { direct, first, second };

// A message as this rank gets or sends it: the other member of the group, and which hop it is.
struct Peer {
  int member = 0;
  Hop hop = Hop::direct;
  bool operator==(const Peer&) const = default;
};

}  // namespace dsrun
