// Scatter and gather at a relay, for the tokens of its counterparts on other nodes. A member of the node has one
// message with its part of each counterpart's, in the order of counterparts.
#include <tuple>

#include "runtime/device/exchange/exchange_step.hpp"

namespace dsrun {
namespace {

// Of the message between the relay and member `m` of its node.
RowCount size_of_member(const ExchangeStep& step, std::size_t m) {
  RowCount all;
  for (const RelayPlan& relay : step.routing.relays) all += step.size_of(relay.sends[m]);
  return all;
}

// That message cut by counterpart.
std::vector<RowMessage> parts_of(const ExchangeStep& step, const RowMessage& message, std::size_t m) {
  std::vector<RowMessage> parts;
  RowCount first;
  for (const RelayPlan& relay : step.routing.relays) {
    const RowCount size = step.size_of(relay.sends[m]);
    parts.push_back(message.part(first, size));
    first += size;
  }
  return parts;
}

}  // namespace

void relay_scatter(ExchangeStep& step) {
  const auto& [relays, members] = std::tie(step.routing.relays, step.routes.node);
  std::vector<Buffer> buffers;
  std::vector<std::vector<RowMessage>> parts;  // [member][counterpart]
  for (std::size_t m = 0; m < members.size(); ++m) {
    const RowCount size = size_of_member(step, m);
    buffers.push_back(step.make(size));
    parts.push_back(parts_of(step, step.open(buffers.back(), size), m));
  }
  for (std::size_t c = 0; c < relays.size(); ++c) {
    const RowCount size = {relays[c].num_rows, relays[c].num_pairs};
    const Buffer buffer = step.receive({step.routes.counterparts[c], Hop::first}, size);
    const RowMessage message = step.open(buffer, size);
    for (std::size_t m = 0; m < members.size(); ++m) {
      step.row_functions().pack_rows(message.rows, relays[c].sends[m], parts[m][c].rows);
      if (step.with_gates()) step.row_functions().pick_gates(message.gates, relays[c].sends[m], parts[m][c].gates);
    }
  }
  for (std::size_t m = 0; m < members.size(); ++m)
    step.send_rows({members[m], Hop::second}, std::move(buffers[m]), size_of_member(step, m).rows);
}

void relay_gather(ExchangeStep& step) {
  const auto& [relays, members] = std::tie(step.routing.relays, step.routes.node);
  std::vector<Buffer> buffers;
  std::vector<std::vector<RowMessage>> parts;  // [member][counterpart]
  for (std::size_t m = 0; m < members.size(); ++m) {
    const RowCount size = size_of_member(step, m);
    buffers.push_back(step.receive({members[m], Hop::first}, size));
    parts.push_back(parts_of(step, step.open(buffers.back(), size), m));
  }
  for (std::size_t c = 0; c < relays.size(); ++c) {
    const RowCount size = {relays[c].num_rows, relays[c].num_pairs};
    Buffer buffer = step.make(size);
    const RowMessage message = step.open(buffer, size);
    std::vector<TensorView> rows;
    for (std::size_t m = 0; m < members.size(); ++m) {
      rows.push_back(parts[m][c].rows);
      if (step.with_gates()) step.row_functions().place_gates(parts[m][c].gates, relays[c].sends[m], message.gates);
    }
    step.row_functions().sum_messages(rows, relays[c].sends, message.rows, {});
    step.send_rows({step.routes.counterparts[c], Hop::second}, std::move(buffer), size.rows);
  }
}

}  // namespace dsrun
