// The protocol of a job's actors, whole. Nothing here leaves the process, so messages are plain values, moved.
//
//   launcher → coordinator   StopRequest, SaveRequest
//   coordinator → device     Connect, then Configure     answered by Ready, once its parameters are in place
//                            RoundOrder                   answered by RoundResult, then RoundDone
//                            UpdateOrder (training only)  between these two
//                            SaveOrder                    answered by ShardSaved
//                            WaitsRequest                 answered by WaitsReport, if the device is alive to say so
//                            StopOrder                    the device ends
//   device → coordinator     DeviceFault at any time; the device then answers nothing but WaitsRequest and StopOrder
//   device → device          TensorMessage
//   to itself, device        Continue: more to run. Deadline: look whether a wait has lasted too long. Arrival: an
//                            emulated link lets a message be seen
//   to itself, coordinator   Deadline: no cause came. GiveUp: devices have had their time to end
//
// To add a message: a struct, its line above, and its row in the list at the end.
#pragma once

#include <memory>
#include <vector>

#include "actors/caf.hpp"
#include "actors/coordinator_core.hpp"
#include "actors/device_setup.hpp"
#include "runtime/device/message.hpp"
#include "runtime/device/protocol.hpp"

namespace dsrun {

struct Configure {
  std::shared_ptr<const DeviceSetup> setup;
};
struct Connect {
  std::vector<caf::actor> devices;  // by rank
  caf::actor coordinator;
};
struct Ready {
  int rank = 0;
};
struct WaitsRequest {};
struct StopRequest {};
struct SaveRequest {};
struct Continue {};
struct Deadline {};
struct Arrival {
  std::int64_t at_ns = 0;
};
struct GiveUp {};

}  // namespace dsrun

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Configure)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Connect)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::RoundOrder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::RoundResult)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::UpdateOrder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::RoundDone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::SaveOrder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::ShardSaved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::StopOrder)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::WaitsRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::WaitsReport)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::DeviceFault)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::StopRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::SaveRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::TensorMessage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Continue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::Arrival)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::GiveUp)
