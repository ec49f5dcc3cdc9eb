// Membership: which ranks belong to a job, and where each rank is. All code that stamps messages, watches processes or
// connects devices uses this one value, so that all parts agree on the members.
//
// A change of the members starts the next generation. The receiver drops messages of an earlier generation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dsrun {

struct Plan;

inline constexpr std::uint32_t first_generation = 1;  // 0: a message without a stamp

struct Membership {
  std::uint32_t generation = first_generation;
  std::shared_ptr<const Plan> plan;    // each process makes its own from the job's brief; null until then
  std::vector<int> hosts;              // by rank: the index of its host, as Placement counts nodes
  std::vector<std::string> addresses;  // by rank: of its data plane; empty: not known yet, or all share a process

  int world() const { return static_cast<int>(hosts.size()); }
  std::vector<int> ranks_of(int host) const;  // ascending
};

// Puts every rank on the host where the plan places it.
Membership membership_of(std::shared_ptr<const Plan> plan, std::uint32_t generation = first_generation);

}  // namespace dsrun
