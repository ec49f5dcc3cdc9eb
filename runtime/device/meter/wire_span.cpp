#include "runtime/device/meter/wire_span.hpp"

namespace dsrun {

DeviceSpan wire_span(const Plan& plan, const Outgoing& outgoing, const Flight& flight) {
  const Tag& tag = outgoing.message.tag;
  DeviceSpan span;
  span.what = DeviceSpan::What::wire;
  span.traffic = tag.traffic;
  span.peer = outgoing.destination;
  span.num_bytes = static_cast<std::int64_t>(outgoing.message.payload.size());
  span.microbatch = tag.microbatch;
  span.pass = tag.pass;
  span.hop = tag.hop;
  if (tag.traffic == Traffic::exchange) {
    const OpNode& node =
        plan.stages[static_cast<std::size_t>(tag.stage)].graph.nodes[static_cast<std::size_t>(tag.node)];
    span.op = node.op;
    span.layer = node.layer;
  }
  span.start_ns = flight.start_ns;
  span.end_ns = flight.arrival_ns;
  return span;
}

}  // namespace dsrun
