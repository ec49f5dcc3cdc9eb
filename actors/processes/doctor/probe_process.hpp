// The main of a probe's process: it is one end of each link that `dsrun doctor` measures there, one link after the
// other.
#pragma once

#include "actors/processes/net/invitation.hpp"

namespace dsrun {

// The most seconds that an end of a link takes: to hear of the other end, and to measure.
inline constexpr double probe_peer_secs = 5;
inline constexpr double probe_measure_secs = 6;

// Runs until its agent is gone or kills it. The invitation's rank is the number of the probe.
[[noreturn]] void run_probe_process(const DeviceInvitation& invitation);

}  // namespace dsrun
