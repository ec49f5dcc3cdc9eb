// What runs in the process of one device: its actor, its data plane, and a door at which its agent knocks.
#pragma once

#include <functional>
#include <memory>

#include "actors/device_setup.hpp"
#include "actors/processes/net/invitation.hpp"

namespace dsrun {

// Makes the setup of a rank from the brief of its job; what it throws ends the device, and the launcher is told.
using MakeDeviceSetup = std::function<std::shared_ptr<DeviceSetup>(const std::string& brief, int rank)>;

// Until the job is over, then ends the process; on the spot when the agent is gone.
[[noreturn]] void run_device_process(const DeviceInvitation& invitation, const MakeDeviceSetup& make_setup,
                                     bool with_spans);

}  // namespace dsrun
