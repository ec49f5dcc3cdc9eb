// A job whose expert rows take as long over an emulated link as its computation takes, in the fake cluster's virtual
// time: what overlap is worth where the wire is as slow as the devices.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

// Virtual time of an op: its FLOPs at 1 FLOP/ns, and 1 µs for whatever has none.
std::int64_t flops_cost(const Plan& plan, const DeviceSpan& span);

// Of the time in which rows of experts are on a rank's wire, the share in which it computes: what a trace shows.
class WireWatch {
 public:
  void hear(int rank, const DeviceSpan& span);
  double computing_share() const;

 private:
  struct Interval {
    std::int64_t start_ns, end_ns;
  };
  std::map<int, std::vector<Interval>> wires_, ops_;  // by rank
};

struct OverlapRun {
  std::int64_t makespan_ns = 0;
  std::vector<double> losses;
  ProgramTimes times;          // over all ranks and steps
  double computing_share = 0;  // WireWatch's
};

// Runs the job over a link on which its rows of experts take as long as its ops.
OverlapRun run_overlapped(const std::vector<std::string>& overrides, bool overlap);

}  // namespace dsrun::test
