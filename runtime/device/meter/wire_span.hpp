// A message's way over an emulated link, as a span for traces.
#pragma once

#include "cluster/traffic/link.hpp"
#include "runtime/device/device_core.hpp"

namespace dsrun {

DeviceSpan wire_span(const Plan& plan, const Outgoing& outgoing, const Flight& flight);

}  // namespace dsrun
