// What an invitation says of the data plane, as UCX's worker takes it.
#pragma once

#include "actors/processes/net/invitation.hpp"
#include "runtime/transport/ucx/ucx_worker.hpp"

namespace dsrun {

// Throws TransportError for a secret of another size.
UcxOptions ucx_options(const DeviceInvitation& invitation, int rank);

}  // namespace dsrun
