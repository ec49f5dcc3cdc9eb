// The protocol of a job's rounds: launcher, coordinator and devices. Inside one process, devices get plain values,
// moved. Between processes, messages cross that have an inspect() here, which lists every field in order. Both ends are
// the same build (an agent states its build first), so there is only one version of the protocol. Tensors do not go
// this way: they go by the data plane (runtime/transport).
//
//   launcher → coordinator   StopRequest, SaveRequest
//   coordinator → device     Connect, then Configure     answered by Ready, once its parameters are in place
//                            RoundOrder                   answered by RoundResult, then RoundDone
//                            UpdateOrder (training only)  between these two
//                            SaveOrder                    answered by ShardSaved
//                            WaitsRequest                 answered by WaitsReport, if the device is alive to say so
//                            StopOrder                    the device ends
//   device → coordinator     DeviceFault at any time; the device then answers nothing but WaitsRequest, StopOrder and a
//                            Configure of the next membership
//   device → device          TensorMessage
//   data plane → device      TensorMessage from another process, LinkLost
//   to itself, device        Continue: more to run. Deadline: look whether a wait has lasted too long. Arrival: an
//                            emulated link lets a message be seen
//   to itself, coordinator   Wake. CommitOver: from the actor that commits a checkpoint for it
//
// When each device has a process, an agent on each host passes all of the above on between coordinator and devices
// (actors/messages/start.hpp).
//
// To add a message: write a struct, here or in actors/core/job_values.hpp, and its line above. Add its row at the end
// of this file, to the list of messages that cross or to the list of those that stay.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/caf.hpp"
#include "actors/core/fault.hpp"
#include "actors/core/job_values.hpp"
#include "actors/messages/instances.hpp"
#include "actors/messages/wake.hpp"
#include "runtime/device/message.hpp"
#include "runtime/device/protocol.hpp"

namespace dsrun {

struct DeviceSetup;

struct Configure {
  std::shared_ptr<const DeviceSetup> setup;
};
struct Connect {
  std::vector<caf::actor> devices;  // by rank; empty: messages go by DeviceSetup::send
  caf::actor coordinator;
};
struct StopRequest {};
struct SaveRequest {};
struct CommitOver {
  bool failed = false;
  std::string why;
};
struct Continue {};
struct Deadline {
  int number = 0;  // how many Configures had come when it was set
};
struct Arrival {
  std::int64_t at_ns = 0;
};
struct LinkLost {
  int peer = 0;
  std::string reason;
};

// NOLINTBEGIN: CAF finds these by name.
template <class I>
typename I::result_type inspect(I& f, Tag& x) {
  return f(x.generation, x.round, x.traffic, x.stage, x.direction, x.microbatch, x.node, x.pass, x.hop, x.source,
           x.port);
}
template <class I>
typename I::result_type inspect(I& f, RoundOrder& x) {
  return f(x.round, x.kind, x.index, x.mtp_lambda, x.microbatches);
}
template <class I>
typename I::result_type inspect(I& f, RoundResult& x) {
  return f(x.rank, x.round, x.loss_sum, x.mtp_loss_sums, x.balance_loss_sum, x.sum_squares, x.expert_counts,
           x.rows_from_others, x.rows_received);
}
template <class I>
typename I::result_type inspect(I& f, UpdateOrder& x) {
  return f(x.round, x.step, x.lr, x.gradient_scale, x.biases);
}
template <class I>
typename I::result_type inspect(I& f, PhaseTimes& x) {
  return f(x.forward, x.backward, x.exchange, x.optimizer, x.core_wait, x.idle, x.delivery, x.overhead);
}
template <class I>
typename I::result_type inspect(I& f, MemoryUse& x) {
  return f(x.live, x.peak, x.live_total, x.peak_total);
}
template <class I>
typename I::result_type inspect(I& f, InstructionTimes& x) {
  return f(x.count, x.elapsed, x.ops, x.transfer_wait, x.pipeline_wait);
}
template <class I>
typename I::result_type inspect(I& f, ProgramTimes& x) {
  return f(x.kinds, x.synchronisation, x.synchronisation_wait);
}
template <class I>
typename I::result_type inspect(I& f, SentTraffic::OneWay& x) {
  return f(x.pipeline, x.expert, x.synchronisation, x.expert_rows);
}
template <class I>
typename I::result_type inspect(I& f, SentTraffic& x) {
  return f(x.ways);
}
template <class I>
typename I::result_type inspect(I& f, RoundDone& x) {
  return f(x.rank, x.round, x.times, x.op_seconds, x.memory, x.program, x.sent);
}
template <class I>
typename I::result_type inspect(I& f, SaveOrder& x) {
  return f(x.step);
}
template <class I>
typename I::result_type inspect(I& f, ShardSaved& x) {
  return f(x.rank, x.step, x.description);
}
template <class I>
typename I::result_type inspect(I& f, StopOrder&) {
  return f();
}
template <class I>
typename I::result_type inspect(I& f, WaitsRequest&) {
  return f();
}
template <class I>
typename I::result_type inspect(I& f, WaitsReport& x) {
  return f(x.rank, x.waits, x.where);
}
template <class I>
typename I::result_type inspect(I& f, DeviceFault& x) {
  return f(x.rank, x.num_ranks, x.host, x.op, x.cause, x.secs, x.peer, x.detail, x.waits);
}
template <class I>
typename I::result_type inspect(I& f, Ready& x) {
  return f(x.rank);
}
// NOLINTEND

}  // namespace dsrun

// Messages that cross between processes, and messages that stay in one.
#define DSRUN_JOB_CROSSING(X) \
  X(RoundOrder)               \
  X(RoundResult)              \
  X(UpdateOrder)              \
  X(RoundDone) X(SaveOrder) X(ShardSaved) X(StopOrder) X(WaitsRequest) X(WaitsReport) X(DeviceFault) X(Ready)
#define DSRUN_JOB_LOCAL(X) \
  X(Configure)             \
  X(Connect) X(StopRequest) X(SaveRequest) X(CommitOver) X(TensorMessage) X(Continue) X(Deadline) X(Arrival) X(LinkLost)

#define DSRUN_STAYS(T) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(dsrun::T)
DSRUN_JOB_LOCAL(DSRUN_STAYS)
#undef DSRUN_STAYS

#define DSRUN_CROSSES(T) CAF_ADD_TYPE_ID(dsrun_job, (dsrun::T))
CAF_BEGIN_TYPE_ID_BLOCK(dsrun_job, caf::first_custom_type_id)
DSRUN_JOB_CROSSING(DSRUN_CROSSES)
CAF_END_TYPE_ID_BLOCK(dsrun_job)
#undef DSRUN_CROSSES

DSRUN_JOB_CROSSING(DSRUN_MADE_ELSEWHERE)
DSRUN_JOB_LOCAL(DSRUN_MADE_ELSEWHERE)
