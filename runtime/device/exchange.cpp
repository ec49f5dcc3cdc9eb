#include "runtime/device/exchange.hpp"

#include <cstring>
#include <numeric>
#include <stdexcept>

#include "runtime/device/element_types.hpp"
#include "runtime/device/strand.hpp"
#include "runtime/kernels/rows.hpp"

namespace dsrun {

Tag exchange_tag(const DeviceContext& context, const Frame& frame, const Step& step, int member) {
  Tag tag = context.tag(Traffic::exchange, frame.stage);
  tag.direction = frame.direction;
  tag.microbatch = frame.microbatch;
  tag.node = step.node;
  tag.pass = step.pass;
  tag.source = context.plan->mesh.expert_member(context.rank, member);
  return tag;
}

namespace {

// A message of rows, and one gate for each (row, expert) pair behind them.
struct RowMessage {
  TensorView rows;
  TensorView gates;
};

class Exchange {
 public:
  Exchange(DeviceContext& context, Inbox& inbox, Frame& frame, const Step& step)
      : context_(context),
        inbox_(inbox),
        frame_(frame),
        step_(step),
        node_(context.plan->stages[static_cast<std::size_t>(frame.stage)]
                  .graph.nodes[static_cast<std::size_t>(step.node)]),
        routing_(frame.routing[static_cast<std::size_t>(node_.moe)]) {}

  void run() {
    const bool start = step_.part == Part::start;
    const bool forward = runs_forward(step_.pass);
    if (node_.op == Op::exchange_counts) return start ? send_routing() : receive_routing();
    const bool scatters = (node_.op == Op::dispatch) == forward;
    if (scatters) return start ? start_scatter() : finish_scatter();
    return start ? start_gather() : finish_gather();
  }

 private:
  int members() const { return context_.plan->mesh.expert; }
  bool with_gates() const { return node_.op == Op::dispatch; }
  TensorView view(ValueId id) const { return value_view(context_, frame_, id); }
  Dtype dtype() const { return compute_dtype(context_.plan->job.precision.compute); }
  Dtype wide() const { return wide_dtype(context_.plan->job.precision.compute); }

  void send(int member, Buffer payload) {
    const Tag tag = exchange_tag(context_, frame_, step_, routing_.group_rank);
    context_.send(context_.plan->mesh.expert_member(context_.rank, member), tag, std::move(payload));
  }

  std::size_t row_bytes(std::int64_t rows) const {
    const auto bytes = static_cast<std::size_t>(rows * context_.plan->job.model.hidden) * dtype_bytes(dtype());
    return (bytes + 63) / 64 * 64;
  }
  RowMessage open(const Buffer& buffer, std::size_t rows, std::size_t pairs) const {
    const auto num_rows = static_cast<std::int64_t>(rows);
    RowMessage message;
    message.rows = matrix(buffer.data(), dtype(), num_rows, context_.plan->job.model.hidden);
    if (with_gates())
      message.gates = matrix(buffer.data() + row_bytes(num_rows), wide(), 1, static_cast<std::int64_t>(pairs));
    return message;
  }
  Buffer make(std::size_t rows, std::size_t pairs) {
    const std::size_t gates = with_gates() ? pairs * dtype_bytes(wide()) : 0;
    return context_.pool->allocate(row_bytes(static_cast<std::int64_t>(rows)) + gates, MemoryClass::messages);
  }
  Buffer receive(int member) {
    Buffer buffer = inbox_.take(exchange_tag(context_, frame_, step_, member));
    buffer.charge(context_.pool, MemoryClass::messages);
    return buffer;
  }

  void count_experts(const TensorView& indices) {
    auto& counts = context_.result.expert_counts[static_cast<std::size_t>(context_.model_moe(frame_.stage, node_.moe))];
    for (std::int64_t t = 0; t < indices.rows; ++t) {
      if (frame_.batch.mask[static_cast<std::size_t>(t)] == 0) continue;
      for (std::int64_t k = 0; k < indices.cols; ++k)
        ++counts[static_cast<std::size_t>(indices.row<std::int32_t>(t)[k])];
    }
  }

  void send_routing() {
    const TensorView indices = view(node_.inputs[0]);
    count_experts(indices);
    routing_.group_size = members();
    routing_.group_rank = context_.plan->mesh.expert_index(context_.rank);
    routing_.local_experts = node_.attributes.experts / members();
    plan_sends(routing_, indices.as<std::int32_t>(), indices.rows, node_.attributes.experts_per_token);
    for (int m = 0; m < members(); ++m) {
      const SendPlan& plan = routing_.sends[static_cast<std::size_t>(m)];
      const std::size_t pairs = plan.pair_row.size();
      Buffer buffer = context_.pool->allocate((1 + 2 * pairs) * sizeof(std::int32_t), MemoryClass::messages);
      auto* out = reinterpret_cast<std::int32_t*>(buffer.data());
      *out++ = static_cast<std::int32_t>(plan.tokens.size());
      std::copy(plan.pair_row.begin(), plan.pair_row.end(), out);
      std::copy(plan.pair_expert.begin(), plan.pair_expert.end(), out + pairs);
      if (m != routing_.group_rank) context_.result.rows_sent_away += static_cast<std::int64_t>(plan.tokens.size());
      send(m, std::move(buffer));
    }
  }

  void receive_routing() {
    routing_.receives.assign(static_cast<std::size_t>(members()), {});
    for (int m = 0; m < members(); ++m) {
      const Buffer buffer = receive(m);
      const auto* in = reinterpret_cast<const std::int32_t*>(buffer.data());
      const std::size_t pairs = (buffer.size() / sizeof(std::int32_t) - 1) / 2;
      ReceivePlan& plan = routing_.receives[static_cast<std::size_t>(m)];
      plan.num_rows = *in++;
      plan.pair_row.assign(in, in + pairs);
      plan.pair_expert.assign(in + pairs, in + 2 * pairs);
    }
    plan_receives(routing_);
    context_.result.rows_received += routing_.num_rows();
  }

  void start_scatter() {
    const bool forward = runs_forward(step_.pass);
    const TensorView source = view(forward ? node_.inputs[0] : step_.grad_outputs[0]);
    for (int m = 0; m < members(); ++m) {
      const SendPlan& plan = routing_.sends[static_cast<std::size_t>(m)];
      Buffer buffer = make(plan.tokens.size(), plan.pair_row.size());
      const RowMessage message = open(buffer, plan.tokens.size(), plan.pair_row.size());
      pack_rows(source, plan, message.rows);
      if (with_gates()) pack_gates(view(node_.inputs[1]), plan, message.gates);
      send(m, std::move(buffer));
    }
  }

  void finish_scatter() {
    const bool forward = runs_forward(step_.pass);
    const TensorView rows = view(forward ? node_.outputs[0] : step_.grad_inputs[0].out);
    for (int m = 0; m < members(); ++m) {
      const ReceivePlan& plan = routing_.receives[static_cast<std::size_t>(m)];
      const Buffer buffer = receive(m);
      const RowMessage message = open(buffer, static_cast<std::size_t>(plan.num_rows), plan.pair_row.size());
      expand_rows(message.rows, plan, rows);
      if (with_gates()) expand_gates(message.gates, plan, view(node_.outputs[1]));
    }
  }

  void start_gather() {
    const bool forward = runs_forward(step_.pass);
    const TensorView rows = view(forward ? node_.inputs[0] : step_.grad_outputs[0]);
    for (int m = 0; m < members(); ++m) {
      const ReceivePlan& plan = routing_.receives[static_cast<std::size_t>(m)];
      Buffer buffer = make(static_cast<std::size_t>(plan.num_rows), plan.pair_row.size());
      const RowMessage message = open(buffer, static_cast<std::size_t>(plan.num_rows), plan.pair_row.size());
      reduce_rows(rows, plan, message.rows);
      if (with_gates()) collect_gates(view(step_.grad_outputs[1]), plan, message.gates);
      send(m, std::move(buffer));
    }
  }

  void finish_gather() {
    const bool forward = runs_forward(step_.pass);
    std::vector<Buffer> buffers;
    std::vector<TensorView> rows;
    for (int m = 0; m < members(); ++m) {
      const SendPlan& plan = routing_.sends[static_cast<std::size_t>(m)];
      buffers.push_back(receive(m));
      const RowMessage message = open(buffers.back(), plan.tokens.size(), plan.pair_row.size());
      rows.push_back(message.rows);
      if (with_gates()) scatter_gates(message.gates, plan, view(step_.grad_inputs[1].out));
    }
    if (forward) return sum_messages(rows, routing_, view(node_.outputs[0]), {});
    sum_messages(rows, routing_, view(step_.grad_inputs[0].out), view(step_.grad_inputs[0].addend));
  }

  DeviceContext& context_;
  Inbox& inbox_;
  Frame& frame_;
  const Step& step_;
  const Node& node_;
  Routing& routing_;
};

}  // namespace

void run_exchange(DeviceContext& context, Inbox& inbox, Frame& frame, const Step& step) {
  Exchange(context, inbox, frame, step).run();
}

}  // namespace dsrun
