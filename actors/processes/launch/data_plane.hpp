// The options of the UCX worker, from what an invitation says about the data plane.
#pragma once

#include "actors/processes/net/invitation.hpp"
#include "runtime/transport/ucx/ucx_worker.hpp"

namespace dsrun {

// Throws TransportError if the secret has the wrong size.
UcxOptions ucx_options(const DeviceInvitation& invitation, int rank);

}  // namespace dsrun
