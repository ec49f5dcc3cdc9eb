// Membership: who belongs to a job and where each rank is. Whoever stamps messages, watches processes or connects
// devices takes this one value, so that two of them cannot speak of different members.
//
// A change of the members makes the next generation. What was sent in an earlier one is dropped where it arrives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dsrun {

struct Plan;

inline constexpr std::uint32_t first_generation = 1;  // 0 is what nobody stamped

struct Membership {
  std::uint32_t generation = first_generation;
  std::shared_ptr<const Plan> plan;    // each process makes its own from the job's brief; null until it has
  std::vector<int> hosts;              // by rank: the index of its host, as Placement counts nodes
  std::vector<std::string> addresses;  // by rank: of its data plane; empty: not known yet, or all share a process

  int world() const { return static_cast<int>(hosts.size()); }
  std::vector<int> ranks_of(int host) const;  // ascending
};

// Every rank on the host where the plan places it.
Membership membership_of(std::shared_ptr<const Plan> plan, std::uint32_t generation = first_generation);

}  // namespace dsrun
