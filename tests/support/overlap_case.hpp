// A job whose expert rows take as long over an emulated link as its computation takes, in the fake cluster's virtual
// time: what overlap is worth where the wire is as slow as the devices.
#pragma once

#include <string>
#include <vector>

#include "tests/support/fake_cluster.hpp"

namespace dsrun::test {

// Virtual time of an op: its FLOPs at 1 FLOP/ns, and 1 µs for whatever has none.
std::int64_t flops_cost(const Plan& plan, const DeviceSpan& span);

struct OverlapRun {
  std::int64_t makespan_ns = 0;
  std::vector<double> losses;
  ProgramTimes times;  // over all ranks and steps
};

// Runs the job with what makes dispatch and combine as long as the ops of forward and backward together; `share`: of
// that bandwidth's time, so that 0.5 is a link twice as fast.
OverlapRun run_overlapped(const std::vector<std::string>& overrides, bool overlap, double share = 1);

}  // namespace dsrun::test
