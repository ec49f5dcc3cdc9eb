// The main of one device's process: it runs the device's actor, its data plane, and a door actor to which its agent
// sends messages.
#pragma once

#include <functional>
#include <memory>

#include "actors/device_setup.hpp"
#include "actors/processes/net/invitation.hpp"

namespace dsrun {

// Makes the setup of a rank from the brief of its job. What it throws ends the device and is reported to the launcher.
using MakeDeviceSetup = std::function<std::shared_ptr<DeviceSetup>(const std::string& brief, int rank)>;

// Runs until the job is over, then ends the process. Ends it at once when the agent is gone.
[[noreturn]] void run_device_process(const DeviceInvitation& invitation, const MakeDeviceSetup& make_setup,
                                     bool with_spans);

}  // namespace dsrun
