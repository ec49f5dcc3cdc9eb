// How the messages of messages.hpp cross between processes: every field, in order. Both ends are the same build (an
// agent says which before anything else), so that there is no other version to understand.
//
// To let another message cross: an inspect() here and its line in the list at the end.
// Part of messages.hpp, which includes it: who sends a message has to see how it crosses.
#pragma once

namespace dsrun {

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
  return f(x.rank, x.where, x.detail, x.is_consequence, x.is_storage, x.is_loss);
}
template <class I>
typename I::result_type inspect(I& f, Ready& x) {
  return f(x.rank);
}
template <class I>
typename I::result_type inspect(I& f, Enlist& x) {
  return f(x.build, x.node, x.host, x.pid, x.cores, x.devices, x.available_bytes, x.clock, x.agent);
}
template <class I>
typename I::result_type inspect(I& f, Begin& x) {
  return f(x.node, x.first_rank, x.num_ranks, x.world, x.generation, x.brief, x.secret, x.freeze_secs,
           x.clock_ahead_ns);
}
template <class I>
typename I::result_type inspect(I& f, DeviceHere& x) {
  return f(x.rank, x.pid, x.data_address, x.door, x.device);
}
template <class I>
typename I::result_type inspect(I& f, NodeHere& x) {
  return f(x.node, x.data_addresses);
}
template <class I>
typename I::result_type inspect(I& f, Peers& x) {
  return f(x.data_addresses, x.hosts, x.coordinator);
}
template <class I>
typename I::result_type inspect(I& f, Refused& x) {
  return f(x.reason);
}
template <class I>
typename I::result_type inspect(I& f, StartFault& x) {
  return f(x.node, x.detail);
}
template <class I>
typename I::result_type inspect(I& f, Beat& x) {
  return f(x.generation, x.from);
}
template <class I>
typename I::result_type inspect(I& f, Farewell& x) {
  return f(x.from);
}
template <class I>
typename I::result_type inspect(I& f, Spans& x) {
  return f(x.rank, x.bytes);
}
template <class I>
typename I::result_type inspect(I& f, Links& x) {
  return f(x.rank, x.peers, x.dropped);
}
template <class I>
typename I::result_type inspect(I& f, LinkUse& x) {
  return f(x.peer, x.transport, x.messages, x.bytes);
}
template <class I>
typename I::result_type inspect(I& f, ClockRequest& x) {
  return f(x.node, x.asked_ns);
}
template <class I>
typename I::result_type inspect(I& f, ClockReply& x) {
  return f(x.node, x.asked_ns, x.wall_ns, x.monotonic_ns);
}
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

CAF_BEGIN_TYPE_ID_BLOCK(dsrun, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(dsrun, (dsrun::RoundOrder))
CAF_ADD_TYPE_ID(dsrun, (dsrun::RoundResult))
CAF_ADD_TYPE_ID(dsrun, (dsrun::UpdateOrder))
CAF_ADD_TYPE_ID(dsrun, (dsrun::RoundDone))
CAF_ADD_TYPE_ID(dsrun, (dsrun::SaveOrder))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ShardSaved))
CAF_ADD_TYPE_ID(dsrun, (dsrun::StopOrder))
CAF_ADD_TYPE_ID(dsrun, (dsrun::WaitsRequest))
CAF_ADD_TYPE_ID(dsrun, (dsrun::WaitsReport))
CAF_ADD_TYPE_ID(dsrun, (dsrun::DeviceFault))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Ready))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Enlist))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Begin))
CAF_ADD_TYPE_ID(dsrun, (dsrun::DeviceHere))
CAF_ADD_TYPE_ID(dsrun, (dsrun::NodeHere))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Peers))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Refused))
CAF_ADD_TYPE_ID(dsrun, (dsrun::StartFault))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Beat))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Farewell))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Spans))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Links))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ClockRequest))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ClockReply))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Examine))
CAF_ADD_TYPE_ID(dsrun, (dsrun::Examined))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ProbeHere))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ProbesHere))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ProbeLost))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ProbeOrder))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ProbeAddress))
CAF_ADD_TYPE_ID(dsrun, (dsrun::ProbePeer))
CAF_ADD_TYPE_ID(dsrun, (dsrun::LinkMeasured))
CAF_END_TYPE_ID_BLOCK(dsrun)
