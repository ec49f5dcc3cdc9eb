// Scatter and gather at their ends: where tokens are, and where experts are.
#include "runtime/device/exchange/exchange_step.hpp"

namespace dsrun {
namespace {

// Visits the origins of a message with their parts of it, in order.
template <class Visit>
void for_each_origin(ExchangeStep& step, const ExpertRoutes::In& in, const RowMessage& message, Visit visit) {
  RowCount first;
  for (const int origin : in.origins) {
    const ReceivePlan& plan = step.routing.receives[static_cast<std::size_t>(origin)];
    const RowCount size = step.size_of(plan);
    visit(plan, message.part(first, size));
    first += size;
  }
}

}  // namespace

void start_scatter(ExchangeStep& step) {
  const TensorView source = step.view(step.forward() ? step.node.inputs[0] : step.step.grad_outputs[0]);
  for (std::size_t d = 0; d < step.routes.out.size(); ++d) {
    const SendPlan& plan = step.routing.sends[d];
    const RowCount size = step.size_of(plan);
    Buffer buffer = step.make(size);
    const RowMessage message = step.open(buffer, size);
    step.row_functions().pack_rows(source, plan, message.rows);
    if (step.with_gates()) step.row_functions().pack_gates(step.view(step.node.inputs[1]), plan, message.gates);
    step.send_rows(step.routes.out[d].peer, std::move(buffer), size.rows);
  }
}

void finish_scatter(ExchangeStep& step) {
  const TensorView rows = step.view(step.forward() ? step.node.outputs[0] : step.step.grad_inputs[0].out);
  const TensorView gates = step.with_gates() ? step.view(step.node.outputs[1]) : TensorView{};
  for (const ExpertRoutes::In& in : step.routes.in) {
    const RowCount size = step.size_of(in);
    const Buffer buffer = step.receive(in.peer, size);
    for_each_origin(step, in, step.open(buffer, size), [&](const ReceivePlan& plan, const RowMessage& message) {
      step.row_functions().expand_rows(message.rows, plan, rows);
      if (step.with_gates()) step.row_functions().expand_gates(message.gates, plan, gates);
    });
  }
}

void start_gather(ExchangeStep& step) {
  const TensorView rows = step.view(step.forward() ? step.node.inputs[0] : step.step.grad_outputs[0]);
  for (const ExpertRoutes::In& in : step.routes.in) {
    const RowCount size = step.size_of(in);
    Buffer buffer = step.make(size);
    for_each_origin(step, in, step.open(buffer, size), [&](const ReceivePlan& plan, const RowMessage& message) {
      step.row_functions().reduce_rows(rows, plan, message.rows);
      if (step.with_gates())
        step.row_functions().collect_gates(step.view(step.step.grad_outputs[1]), plan, message.gates);
    });
    step.send_rows(in.back(), std::move(buffer), size.rows);
  }
}

void finish_gather(ExchangeStep& step) {
  std::vector<Buffer> buffers;
  std::vector<TensorView> rows;
  for (std::size_t d = 0; d < step.routes.out.size(); ++d) {
    const SendPlan& plan = step.routing.sends[d];
    const RowCount size = step.size_of(plan);
    buffers.push_back(step.receive(step.routes.out[d].back(), size));
    const RowMessage message = step.open(buffers.back(), size);
    rows.push_back(message.rows);
    if (step.with_gates())
      step.row_functions().scatter_gates(message.gates, plan, step.view(step.step.grad_inputs[1].out));
  }
  if (step.forward())
    return step.row_functions().sum_messages(rows, step.routing.sends, step.view(step.node.outputs[0]), {});
  const GradientTarget& target = step.step.grad_inputs[0];
  step.row_functions().sum_messages(rows, step.routing.sends, step.view(target.out), step.view(target.addend));
}

}  // namespace dsrun
