// What runs in a probe's process: one end of each link that `dsrun doctor` measures, one link after the other.
#pragma once

#include "actors/processes/net/invitation.hpp"

namespace dsrun {

// The longest that an end of a link takes, in seconds: to hear of the other end, and to measure.
inline constexpr double probe_peer_secs = 5;
inline constexpr double probe_measure_secs = 6;

// Until its agent is gone or kills it. The invitation's rank is the number of the probe.
[[noreturn]] void run_probe_process(const DeviceInvitation& invitation);

}  // namespace dsrun
