// The communication ops inside an expert group: exchange_counts, dispatch, combine, and the latter two's gradients.
//
// Both directions of dispatch and combine are made of two movements. Scatter sends a token's row once to every member
// that has one of its experts, where it is expanded to a row per local expert (dispatch, gradient of combine). Gather
// sums a token's rows at each member, sends the sums back and adds them in member order (combine, gradient of
// dispatch).
#pragma once

#include "runtime/device/device_context.hpp"
#include "runtime/device/frame.hpp"

namespace dsrun {

// The message from a member of the group; a finish step needs one of each, this rank included.
Tag exchange_tag(const DeviceContext& context, const Frame& frame, const Step& step, int member);

// Runs a start or finish step.
void run_exchange(DeviceContext& context, Inbox& inbox, Frame& frame, const Step& step);

}  // namespace dsrun
