// The communication ops inside an expert group: exchange_counts, dispatch, combine, and the gradients of dispatch and
// combine.
//
// Both directions of dispatch and combine are made of two movements. Scatter sends a token's row once to every
// destination that has one of the token's experts. There the row is expanded to one row for each local expert
// (dispatch, gradient of combine). Gather sums a token's rows at each member, sends the sums back and adds them in the
// order of destinations (combine, gradient of dispatch). cluster/layout/expert_routes.hpp says which messages these
// are. With two hops a relay passes on what other nodes send, and adds up what its node sends back, in member order.
#pragma once

#include "runtime/device/device_context.hpp"
#include "runtime/device/frame.hpp"
#include "runtime/device/inbox/inbox.hpp"

namespace dsrun {

// The tag of the message that a member of the group sends in a step.
Tag exchange_tag(const DeviceContext& context, const Frame& frame, const OpStep& step, Peer from);

// The messages that a relay or finish step needs, this rank's own included.
const std::vector<Peer>& awaited_peers(const DeviceContext& context, const Frame& frame, const OpStep& step);

// Runs a start, relay or finish step.
void run_exchange(DeviceContext& context, Inbox& inbox, Frame& frame, const OpStep& step);

}  // namespace dsrun
