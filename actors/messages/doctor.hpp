// The protocol of `dsrun doctor`, which has a gate of its own (actors/processes/doctor/doctor_actor.hpp). Agents enlist
// with it as with a job's gate (actors/messages/start.hpp). Instead of Begin they get:
//
//   doctor → agent              Examine                   answered by Examined, from the examiner that the agent makes
//   probe → examiner            ProbeHere                 two processes a host, to measure links with
//   examiner → doctor           ProbesHere, or why not; ProbeLost when one of them ends
//   doctor → examiner → probe   ProbeOrder                answered by ProbeAddress: where this end of the link listens
//                               ProbePeer                 answered by LinkMeasured, by the link's first end
//   person → doctor             StopRequest: end early
//
// Plain values are in actors/core/doctor_values.hpp; here are those that hold actors. To add a message: as in job.hpp.
#pragma once

#include "actors/caf.hpp"
#include "actors/core/doctor_values.hpp"
#include "actors/messages/instances.hpp"

namespace dsrun {

struct Examined {
  HostReport report;
  caf::actor examiner;
};
struct ProbeHere {
  int probe = 0;  // 0 or 1
  int pid = 0;
  caf::actor door;
};

// NOLINTBEGIN: CAF finds these by name.
template <class I>
typename I::result_type inspect(I& f, Examine& x) {
  return f(x.node, x.host, x.build, x.folder, x.mark, x.mark_text, x.files, x.interface, x.secret, x.limit_secs);
}
template <class I>
typename I::result_type inspect(I& f, ClockReading& x) {
  return f(x.offset_secs, x.error_secs);
}
template <class I>
typename I::result_type inspect(I& f, FileReport& x) {
  return f(x.path, x.num_bytes, x.fault);
}
template <class I>
typename I::result_type inspect(I& f, FolderReport& x) {
  return f(x.path, x.is_shared, x.can_write, x.free_bytes, x.fault);
}
template <class I>
typename I::result_type inspect(I& f, InterfaceReport& x) {
  return f(x.name, x.address, x.is_up, x.mtu, x.speed_mbit_per_s);
}
template <class I>
typename I::result_type inspect(I& f, LimitReport& x) {
  return f(x.open_files, x.most_open_files, x.locked_bytes, x.processes, x.group_memory_bytes, x.group_cores,
           x.group_processes);
}
template <class I>
typename I::result_type inspect(I& f, HostReport& x) {
  return f(x.node, x.host, x.fault, x.own_name, x.machine, x.build, x.kernel, x.processor, x.features, x.has_bf16,
           x.cores, x.memory_bytes, x.available_bytes, x.shm_bytes, x.free_shm_bytes, x.clock, x.limits, x.ptrace_scope,
           x.first_port, x.last_port, x.folder, x.files, x.interfaces, x.ucx_version, x.transports);
}
template <class I>
typename I::result_type inspect(I& f, Examined& x) {
  return f(x.report, x.examiner);
}
template <class I>
typename I::result_type inspect(I& f, ProbeHere& x) {
  return f(x.probe, x.pid, x.door);
}
template <class I>
typename I::result_type inspect(I& f, ProbesHere& x) {
  return f(x.node, x.fault);
}
template <class I>
typename I::result_type inspect(I& f, ProbeLost& x) {
  return f(x.node, x.how);
}
template <class I>
typename I::result_type inspect(I& f, ProbeOrder& x) {
  return f(x.link, x.probe, x.end);
}
template <class I>
typename I::result_type inspect(I& f, ProbeAddress& x) {
  return f(x.link, x.end, x.address);
}
template <class I>
typename I::result_type inspect(I& f, ProbePeer& x) {
  return f(x.link, x.probe, x.address);
}
template <class I>
typename I::result_type inspect(I& f, LinkMeasure& x) {
  return f(x.from_node, x.to_node, x.transport, x.latency_secs, x.bytes_per_sec, x.bytes_per_sec_back, x.fault);
}
template <class I>
typename I::result_type inspect(I& f, LinkMeasured& x) {
  return f(x.link, x.measure);
}
// NOLINTEND

}  // namespace dsrun

#define DSRUN_DOCTOR_CROSSING(X) \
  X(Examine)                     \
  X(Examined) X(ProbeHere) X(ProbesHere) X(ProbeLost) X(ProbeOrder) X(ProbeAddress) X(ProbePeer) X(LinkMeasured)

#define DSRUN_CROSSES(T) CAF_ADD_TYPE_ID(dsrun_doctor, (dsrun::T))
CAF_BEGIN_TYPE_ID_BLOCK(dsrun_doctor, caf::first_custom_type_id + 80)
DSRUN_DOCTOR_CROSSING(DSRUN_CROSSES)
CAF_END_TYPE_ID_BLOCK(dsrun_doctor)
#undef DSRUN_CROSSES

DSRUN_DOCTOR_CROSSING(DSRUN_MADE_ELSEWHERE)
