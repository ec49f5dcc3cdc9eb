#include "runtime/device/strand.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "models/op.hpp"
#include "runtime/check.hpp"
#include "runtime/device/exchange/exchange.hpp"
#include "runtime/device/parameters/element_types.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

bool is_forward(const Half& half) { return half.kind == Kind::forward; }

}  // namespace

Strand::Strand(DeviceContext& context, Inbox& inbox, Frame& frame, Half half, const StepList& list)
    : context_(context), inbox_(inbox), frame_(frame), half_(half), list_(&list) {}

const Ports& Strand::ports() const {
  static const Ports none;
  switch (half_.kind) {
    case Kind::forward:
      return context_.round.kind == RoundKind::train ? stage().forward_ports : stage().forward_only_ports;
    case Kind::backward:
      return stage().backward_ports;
    case Kind::backward_input:
      return stage().backward_input_ports;
    case Kind::weight:
      break;
  }
  return none;
}

Tag Strand::boundary_tag(Traffic traffic, int to_stage, std::size_t slot) const {
  Tag tag = context_.tag(traffic, to_stage);
  tag.direction = frame_.direction;
  tag.microbatch = frame_.microbatch;
  tag.port = static_cast<std::uint8_t>(slot);
  return tag;
}

Tag Strand::arriving(std::size_t slot) const {
  Tag tag = boundary_tag(is_forward(half_) ? Traffic::activation : Traffic::gradient, frame_.stage, slot);
  tag.source = context_.plan->stage_rank(context_.rank, frame_.stage + (is_forward(half_) ? -1 : 1), frame_.direction);
  return tag;
}

template <class Visit>
void Strand::for_each_needed(Visit visit) const {
  if (next_ == 0)
    for (std::size_t slot = 0; slot < ports().arrive.size(); ++slot)
      if (ports().arrive[slot] != no_value) visit(arriving(slot));
  if (next_step().part == Part::relay || next_step().part == Part::finish)
    for (const Peer& peer : awaited_peers(context_, frame_, next_step()))
      visit(exchange_tag(context_, frame_, next_step(), peer));
}

bool Strand::ready() const {
  bool all = true;
  for_each_needed([&](const Tag& tag) { all = all && inbox_.has(tag); });
  return all;
}

std::vector<Tag> Strand::missing() const {
  std::vector<Tag> tags;
  for_each_needed([&](const Tag& tag) {
    if (!inbox_.has(tag)) tags.push_back(tag);
  });
  return tags;
}

void Strand::begin() {
  for (std::size_t slot = 0; slot < ports().arrive.size(); ++slot) {
    const ValueId id = ports().arrive[slot];
    if (id == no_value) continue;
    Buffer buffer = inbox_.take(arriving(slot));
    const bool saved = at(at(context_.saved, frame_.stage), id);
    buffer.charge(context_.pool,
                  saved && context_.round.kind == RoundKind::train ? MemoryClass::saved : MemoryClass::working);
    at(frame_.values, id) = std::move(buffer);
  }
}

void Strand::run_next() {
  if (next_ == 0) begin();
  const OpStep& step = next_step();
  make_room(step);
  if (step.part == Part::whole)
    run_kernel(context_, frame_, step);
  else
    run_exchange(context_, inbox_, frame_, step);
  let_go(step);
  ++next_;
  if (done()) end();
}

void Strand::make_room(const OpStep& step) {
  const OpNode& node = at(stage().graph.nodes, step.node);
  const auto memory_class = [&](ValueId id) {
    if (at(stage().values, id).rows == Rows::routed) return MemoryClass::routed;
    const bool saved = at(at(context_.saved, frame_.stage), id);
    return saved && context_.round.kind == RoundKind::train ? MemoryClass::saved : MemoryClass::working;
  };
  for (ValueId id : step.allocates) {
    const Value& value = at(stage().values, id);
    const Precision precision = context_.plan->job.precision.compute;
    const std::int64_t row_bytes = value.cols * element_bytes(value.element, precision);
    const std::int64_t rows = value_rows(context_, frame_, value, node.moe);
    at(frame_.values, id) = context_.pool->allocate(static_cast<std::size_t>(rows * row_bytes), memory_class(id));
  }
  for (const TakeOver& move : step.takes_over) {
    Buffer& from = at(frame_.values, move.from);
    Buffer& to = at(frame_.values, move.to);
    to = from;  // `from` keeps its view until the step has run; let_go() drops it
    to.charge(context_.pool, memory_class(move.to));
  }
}

void Strand::let_go(const OpStep& step) {
  for (const TakeOver& move : step.takes_over) at(frame_.values, move.from) = {};
  for (ValueId id : step.releases) at(frame_.values, id) = {};
}

Buffer Strand::departing(const Departure& port) {
  Buffer& value = at(frame_.values, port.value);
  if (!port.stays) {
    Buffer buffer = std::exchange(value, {});
    buffer.charge(context_.pool, MemoryClass::messages);
    return buffer;
  }
  Buffer copy = context_.pool->allocate(value.size(), MemoryClass::messages);
  context_.backend.copy(copy.data(), value.data(), value.size());
  return copy;
}

void Strand::end() {
  const bool evaluating = context_.round.kind == RoundKind::evaluate;
  const bool forward = is_forward(half_);
  const int to_stage = frame_.stage + (forward ? 1 : -1);
  for (std::size_t slot = 0; slot < ports().leave.size(); ++slot) {
    const Departure& port = ports().leave[slot];
    if (port.value == no_value) continue;
    const Tag tag = boundary_tag(forward ? Traffic::activation : Traffic::gradient, to_stage, slot);
    context_.send(context_.plan->stage_rank(context_.rank, to_stage, frame_.direction), tag, departing(port));
  }
  if (half_.kind == Kind::backward || half_.kind == Kind::weight || (forward && evaluating)) {
    frame_.values.clear();
    frame_.routing.clear();
  }
}

std::string describe(const Plan& plan, const StepPlace& place) {
  const Graph& graph = at(plan.stages, place.stage).graph;
  const OpNode& node = at(graph.nodes, place.step->node);
  constexpr EnumNames<Pass, num_passes> passes({{Pass::forward, "forward"},
                                                {Pass::backward_input, "input gradient"},
                                                {Pass::backward_weight, "weight gradient"},
                                                {Pass::recompute, "recompute"}});
  return fmt::format("{} {}, layer {}, microbatch {} (direction {})", op_name(node.op), passes[place.step->pass],
                     node.layer, place.microbatch, place.direction);
}

TensorView value_view(const DeviceContext& context, const Frame& frame, ValueId id) {
  if (id == no_value) return {};
  const Buffer& buffer = at(frame.values, id);
  if (!buffer) return {};
  const Value& value = at(at(context.plan->stages, frame.stage).values, id);
  const Dtype dtype = dtype_of_element(value.element, context.plan->job.precision.compute);
  const auto row_bytes = static_cast<std::int64_t>(dtype_bytes(dtype)) * value.cols;
  return matrix(buffer.data(), dtype, static_cast<std::int64_t>(buffer.size()) / row_bytes, value.cols);
}

std::int64_t value_rows(const DeviceContext& context, const Frame& frame, const Value& value, int moe) {
  if (value.rows == Rows::tokens) return context.plan->tokens_per_microbatch();
  return at(frame.routing, moe).num_rows();
}

// What embed and head_loss of a prediction depth read: the depth below's targets are its tokens.
static BatchView batch_view(const DeviceContext& context, const SequenceBatch& batch, int depth, double& loss) {
  const std::size_t plane = static_cast<std::size_t>(depth) * batch.positions();
  BatchView view;
  view.tokens = depth == 0 ? batch.tokens.data() : batch.targets.data() + plane - batch.positions();
  view.targets = batch.targets.data() + plane;
  view.mask = batch.mask.data() + plane;
  view.sequence_length = batch.length;
  view.loss_sum = &loss;
  if (depth > 0) view.loss_weight = context.round.mtp_lambda / context.plan->job.model.mtp_depth;
  return view;
}

void run_kernel(DeviceContext& context, Frame& frame, const OpStep& step) {
  const StageSteps& stage = at(context.plan->stages, frame.stage);
  const OpNode& node = at(stage.graph.nodes, step.node);
  std::vector<TensorView> inputs, outputs, grad_outputs, params;
  std::vector<GradTarget> grad_inputs;
  std::vector<ParamGrad> param_grads;
  for (ValueId id : node.inputs) inputs.push_back(value_view(context, frame, id));
  for (ValueId id : node.outputs) outputs.push_back(value_view(context, frame, id));
  for (ValueId id : step.grad_outputs) grad_outputs.push_back(value_view(context, frame, id));
  for (const GradientTarget& target : step.grad_inputs)
    grad_inputs.push_back({value_view(context, frame, target.out), value_view(context, frame, target.addend)});
  for (int param : node.params) {
    params.push_back(context.parameters.weight(frame.stage, param));
    if (step.pass == Pass::backward_weight) param_grads.push_back(context.parameters.gradient(frame.stage, param));
  }
  double loss = 0;
  BatchView batch = batch_view(context, frame.batch, node.attributes.depth, loss);
  double balance_loss = 0;
  const BalanceSpec& balance = context.plan->job.balance;
  batch.balance_alpha = balance.sequence_alpha;
  batch.balance_scores = balance.sequence_scores;
  batch.balance_loss_sum = &balance_loss;
  const bool loses = node.op == Op::head_loss && step.pass == Pass::forward;
  std::vector<std::int32_t> likeliest(loses && context.on_predictions ? frame.batch.positions() : 0);
  if (!likeliest.empty()) batch.likeliest = likeliest.data();
  const KernelCall call{
      node.attributes,
      inputs,
      outputs,
      grad_outputs,
      grad_inputs,
      params,
      param_grads,
      node.moe >= 0 ? &at(frame.routing, node.moe) : nullptr,
      batch,
      node.op == Op::router ? at(context.biases(), context.model_moe(frame.stage, node.moe)).data() : nullptr,
      context.workspace,
      *context.gemm};
  if (loses && context.on_head) context.on_head(node.attributes.depth, inputs[0], params[0]);
  const KernelRow& row = context.backend.kernels[static_cast<std::size_t>(node.op)];
  const KernelFunction run = runs_forward(step.pass)             ? row.forward
                             : step.pass == Pass::backward_input ? row.backward_input
                                                                 : row.backward_weight;
  require(run != nullptr, "a step's op has a kernel for its pass");
  run(call);
  context.result.balance_loss_sum += balance_loss;
  if (loses) {
    if (!std::isfinite(loss)) throw std::runtime_error("the loss is not finite");
    RoundResult& result = context.result;
    const int depth = node.attributes.depth;
    (depth == 0 ? result.loss_sum : at(result.mtp_loss_sums, depth - 1)) += loss;
    if (context.on_predictions) context.on_predictions(depth, frame.batch, likeliest);
  }
}

}  // namespace dsrun
