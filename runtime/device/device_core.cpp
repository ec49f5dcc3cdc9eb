#include "runtime/device/device_core.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dsl/device_kind.hpp"
#include "dsl/job_schedule.hpp"
#include "runtime/check.hpp"
#include "runtime/device/meter/step_rows.hpp"
#include "runtime/schedule/enum_table.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

// Up to where this thread's CPU time has been counted to one of the devices that run on it.
struct CountedTime {
  const Clock* clock = nullptr;
  std::int64_t wall_ns = 0, cpu_ns = 0;
};
thread_local CountedTime counted;

CountedTime read(const Clock& clock) { return {&clock, clock.wall_ns(), clock.thread_cpu_ns()}; }

}  // namespace

DeviceCore::DeviceCore(std::shared_ptr<const Plan> plan, int rank, std::shared_ptr<const BatchLoader> loader,
                       DeviceUse use, const Clock& clock, Reach reach, const Backend* backend)
    : context_(plan, rank, std::move(loader), use, clock, reach,
               backend ? *backend : backend_for(device_kind(plan->job.cluster))),
      inbox_(*context_.plan, rank, context_.routes),
      sync_(context_, inbox_),
      evaluate_program_(forward_only(context_.plan->program, context_.plan->program.microbatches_per_direction())) {}

const Program& DeviceCore::program_of(const RoundOrder& order) {
  if (order.kind == RoundKind::evaluate) return evaluate_program_;
  const Plan& plan = *context_.plan;
  if (order.microbatches == plan.job.batch.microbatches) return plan.program;
  const auto found = smaller_programs_.find(order.microbatches);
  if (found != smaller_programs_.end()) return found->second;
  Program built = build_program(plan.job.parallel, order.microbatches);
  return smaller_programs_.emplace(order.microbatches, std::move(built)).first->second;
}

const RankProgram& DeviceCore::program() const {
  return at(program_->ranks, context_.plan->mesh.pipeline_index(context_.rank));
}

void DeviceCore::on_tensor(TensorMessage message) {
  if (message.tag.generation != context_.generation) {
    ++num_dropped_;
    return;
  }
  const std::int64_t arrived = std::max(message.sent_ns, message.arrives_ns);
  inbox_.file_from_peer(std::move(message), context_.round.round, in_round_);
  if (waiting_since_ns_ != 0) unblocked_ns_ = arrived;  // the last one filed before pump() finds something ready
}

void DeviceCore::on_round(const RoundOrder& order) {
  require(!in_round_, "a round begins when the one before is over");
  require(order.round > context_.round.round, "rounds are counted upwards");
  require(order.kind == RoundKind::evaluate ||
              (order.microbatches > 0 && order.microbatches <= context_.plan->job.batch.microbatches),
          "a training round has some microbatches, at most the plan's");
  context_.round = order;
  program_ = &program_of(order);
  context_.result = {};
  context_.sent = {};
  context_.result.rank = context_.rank;
  context_.result.round = order.round;
  const ModelSpec& model = context_.plan->job.model;
  context_.result.expert_counts.assign(static_cast<std::size_t>(model.moe_layers()),
                                       std::vector<std::int64_t>(static_cast<std::size_t>(model.experts), 0));
  context_.result.mtp_loss_sums.assign(static_cast<std::size_t>(model.mtp_depth), 0.0);
  context_.parameters.begin_step();
  in_round_ = true;
  cursor_ = 0;
  executed_.clear();
  times_ = {};
  op_seconds_.assign(num_ops, {});
  program_times_ = {};
  counted = read(context_.clock);
  round_start_ns_ = counted.wall_ns;
}

void DeviceCore::on_update(const UpdateOrder& order) {
  require(sync_.stage() == GradientSync::Stage::reduced, "an update follows the sums of gradients");
  context_.set_biases(order.biases);
  account_wait(context_.clock.wall_ns());
  sync_.begin_update(order);
}

bool DeviceCore::pump() {
  if (!in_round_) return false;
  bool ran = false;
  if (sync_.stage() != GradientSync::Stage::idle) {
    ran = run_sync_step();
  } else if (!strands_.empty() || start_instruction()) {
    ran = run_instruction_step();
  }
  if (!ran && in_round_ && waiting_since_ns_ == 0) {
    waiting_since_ns_ = context_.clock.wall_ns();
    wait_cause_ = &wait_cause();
  }
  return ran;
}

bool DeviceCore::start_instruction() {
  if (cursor_ == program().instructions.size()) return false;
  const Instruction& instruction = program().instructions[cursor_];
  strands_.push_back(make_strand(instruction.first));
  if (!instruction.overlapped) return true;
  strands_.push_back(make_strand(*instruction.overlapped));
  const StepList& forward = list_of(instruction.first, strands_[0].frame().stage);
  const StepList& backward = list_of(*instruction.overlapped, strands_[1].frame().stage);
  turns_ = Turns::of(forward, backward, context_.plan->job.parallel.overlap);
  return true;
}

const StepList& DeviceCore::list_of(const Half& half, int stage) const {
  const StageSteps& steps = at(context_.plan->stages, stage);
  switch (half.kind) {
    case Kind::forward:
      return context_.round.kind == RoundKind::train ? steps.forward : steps.forward_only;
    case Kind::backward:
      return steps.backward;
    case Kind::backward_input:
      return steps.backward_input;
    case Kind::weight:
      return steps.backward_weight;
  }
  return steps.forward;
}

Strand DeviceCore::make_strand(const Half& half) {
  const Chunk& chunk = context_.plan->chunk(context_.rank, half.phase);
  Frame& frame = frames_[{half.phase, half.microbatch}];
  if (half.kind == Kind::forward) {
    const Plan& plan = *context_.plan;
    const StageSteps& stage = at(plan.stages, chunk.stage);
    frame.stage = chunk.stage;
    frame.direction = chunk.direction;
    frame.microbatch = half.microbatch;
    frame.values.assign(stage.values.size(), {});
    frame.routing.assign(stage.graph.moe_layers.size(), {});
    const int global = chunk.direction * program_->microbatches_per_direction() + half.microbatch;
    const int data_rank = plan.mesh.data_index(context_.rank);
    if (context_.round.kind == RoundKind::train)
      context_.loader->train_microbatch(context_.round.index, data_rank, global, frame.batch);
    else
      context_.loader->validation_microbatch(context_.round.index, data_rank, global, frame.batch);
  }
  return {context_, inbox_, frame, half, list_of(half, chunk.stage)};
}

int DeviceCore::choose_strand() {
  if (strands_.size() == 1) return strands_[0].ready() ? 0 : -1;
  const int due = turns_.due();
  if (at(strands_, due).ready()) {
    turns_.took_turn();
    return due;
  }
  const int other = 1 - due;
  const Strand& strand = at(strands_, other);
  if (!turns_.may_run_ahead() || strand.done() || strand.next_sends() || !strand.ready()) return -1;
  turns_.ran_ahead(other);
  return other;
}

// What a wait that begins now is counted as.
double& DeviceCore::wait_cause() {
  if (sync_.stage() != GradientSync::Stage::idle) return program_times_.synchronisation_wait;
  const int whose = strands_.size() == 1 ? 0 : turns_.due();
  return at(strands_, whose).waits_for_stage() ? instruction_times().pipeline_wait : instruction_times().transfer_wait;
}

bool DeviceCore::run_instruction_step() {
  const int chosen = choose_strand();
  if (chosen < 0) return false;
  Strand& strand = at(strands_, chosen);
  const OpStep& step = strand.next_step();
  const OpNode& node = at(at(context_.plan->stages, strand.frame().stage).graph.nodes, step.node);
  DeviceSpan span;
  span.op = node.op;
  span.pass = step.pass;
  span.part = step.part;
  span.phase = strand.half().phase;
  span.microbatch = strand.half().microbatch;
  span.layer = node.layer;
  span.stage = strand.frame().stage;
  span.node = step.node;
  if (observer_) span.rows = step_rows(context_, strand.frame(), step);
  doing_ = strand.next_place();
  doing_sync_ = nullptr;
  timed(span,
        step.part != Part::whole     ? &PhaseTimes::exchange
        : step.pass == Pass::forward ? &PhaseTimes::forward
                                     : &PhaseTimes::backward,
        [&] { strand.run_next(); });
  if (std::all_of(strands_.begin(), strands_.end(), [](const Strand& each) { return each.done(); }))
    finish_instruction();
  return true;
}

void DeviceCore::finish_instruction() {
  const Instruction& instruction = program().instructions[cursor_];
  DeviceSpan span;
  span.what = DeviceSpan::What::instruction;
  span.instruction = instruction;
  span.phase = instruction.first.phase;
  span.microbatch = instruction.first.microbatch;
  span.start_ns = std::exchange(instruction_start_ns_, 0);
  span.end_ns = counted.wall_ns;
  InstructionTimes& times = instruction_times();
  ++times.count;
  times.elapsed += static_cast<double>(span.end_ns - span.start_ns) * 1e-9;
  if (observer_) observer_(span);
  for (const Strand& strand : strands_) {
    const Half& half = strand.half();
    if (half.kind == Kind::backward || half.kind == Kind::weight || context_.round.kind == RoundKind::evaluate)
      frames_.erase({half.phase, half.microbatch});
  }
  strands_.clear();
  executed_.push_back(instruction);
  if (++cursor_ < program().instructions.size()) return;
  if (context_.round.kind == RoundKind::train) {
    sync_.begin_reduce();
  } else {
    result_ = context_.result;
    end_round();
  }
}

bool DeviceCore::run_sync_step() {
  if (!sync_.busy() || !sync_.missing().empty()) return false;
  DeviceSpan span;
  span.what = DeviceSpan::What::optimizer;
  span.sync = sync_.stage();
  span.bucket = sync_.next_bucket();
  using Stage = GradientSync::Stage;
  constexpr EnumTable<Stage, const char*, 5> names({{Stage::idle, ""},
                                                    {Stage::reducing, "gradient reduction"},
                                                    {Stage::reduced, ""},
                                                    {Stage::updating, "optimizer update"},
                                                    {Stage::gathering, "weight gathering"}});
  doing_sync_ = names[sync_.stage()];
  timed(span, &PhaseTimes::optimizer, [&] { sync_.run_next(); });
  if (sync_.stage() == GradientSync::Stage::reduced) result_ = context_.result;
  if (sync_.stage() == GradientSync::Stage::idle) end_round();
  return true;
}

void DeviceCore::end_round() {
  inbox_.expect_empty();
  const std::int64_t now = context_.clock.wall_ns();
  count_overhead(now);
  const double total = static_cast<double>(now - round_start_ns_) * 1e-9;
  times_.core_wait += std::max(0.0, total - times_.total());
  done_ = RoundDone{context_.rank,        context_.round.round, times_,       op_seconds_,
                    context_.pool->use(), program_times_,       context_.sent};
  in_round_ = false;
}

void DeviceCore::account_wait(std::int64_t now) {
  if (waiting_since_ns_ == 0) return;
  const std::int64_t ended = std::clamp(unblocked_ns_, waiting_since_ns_, now);
  const std::int64_t idle_end = unblocked_ns_ == 0 ? now : ended;
  times_.idle += static_cast<double>(idle_end - waiting_since_ns_) * 1e-9;
  (shares_thread_ ? times_.core_wait : times_.delivery) += static_cast<double>(now - idle_end) * 1e-9;
  *wait_cause_ += static_cast<double>(now - waiting_since_ns_) * 1e-9;
  if (observer_) {
    DeviceSpan span;
    span.what = DeviceSpan::What::idle;
    span.start_ns = waiting_since_ns_;
    span.end_ns = idle_end;
    observer_(span);
  }
  waiting_since_ns_ = 0;
  unblocked_ns_ = 0;
}

// Returns the thread's CPU time at `wall_ns` and counts what has passed since the last op on this thread, whichever
// device's it was, as overhead. That clock costs a system call, so soon after an op the wall clock stands in for it: in
// so short a time a running thread is hardly ever put off its core.
std::int64_t DeviceCore::count_overhead(std::int64_t wall_ns) {
  constexpr std::int64_t soon_ns = 20'000;
  if (counted.clock != &context_.clock) counted = read(context_.clock);
  const std::int64_t passed = wall_ns - counted.wall_ns;
  const std::int64_t cpu_ns = passed < soon_ns ? counted.cpu_ns + passed : context_.clock.thread_cpu_ns();
  times_.overhead += static_cast<double>(std::max<std::int64_t>(0, cpu_ns - counted.cpu_ns)) * 1e-9;
  counted.wall_ns = wall_ns;
  counted.cpu_ns = cpu_ns;
  return cpu_ns;
}

template <class Work>
void DeviceCore::timed(DeviceSpan span, double PhaseTimes::*phase, Work work) {
  span.start_ns = context_.clock.wall_ns();
  account_wait(span.start_ns);
  const std::int64_t cpu_start = count_overhead(span.start_ns);
  work();
  counted = read(context_.clock);
  span.cpu_ns = std::max<std::int64_t>(0, counted.cpu_ns - cpu_start);
  const double cpu = static_cast<double>(span.cpu_ns) * 1e-9;
  span.end_ns = counted.wall_ns;
  const double wall = static_cast<double>(span.end_ns - span.start_ns) * 1e-9;
  times_.*phase += std::min(cpu, wall);
  times_.core_wait += std::max(0.0, wall - cpu);
  if (span.what == DeviceSpan::What::op) {
    op_seconds_[static_cast<std::size_t>(span.op)][static_cast<std::size_t>(span.pass)] += cpu;
    instruction_times().ops += wall;
    if (instruction_start_ns_ == 0) instruction_start_ns_ = span.start_ns;
  } else {
    program_times_.synchronisation += wall;
  }
  if (observer_) observer_(span);
}

std::vector<Outgoing> DeviceCore::take_outgoing() {
  if (context_.outbox.empty()) return {};
  std::vector<Outgoing> all = std::exchange(context_.outbox, {});
  std::vector<Outgoing> others;
  const std::int64_t now = context_.clock.wall_ns();
  for (Outgoing& outgoing : all) {
    outgoing.message.sent_ns = now;
    if (outgoing.destination == context_.rank)
      inbox_.file(std::move(outgoing.message));
    else
      others.push_back(std::move(outgoing));
  }
  return others;
}

std::string DeviceCore::where() const {
  if (doing_sync_ != nullptr) return doing_sync_;
  return doing_.step == nullptr ? std::string() : describe(*context_.plan, doing_);
}

// Asked after every op, nearly always in vain: then nothing is moved.
template <class T>
static std::optional<T> take_once(std::optional<T>& value) {
  if (!value) return std::nullopt;
  return std::exchange(value, std::nullopt);
}
std::optional<RoundResult> DeviceCore::take_result() { return take_once(result_); }
std::optional<RoundDone> DeviceCore::take_done() { return take_once(done_); }

std::vector<Tag> DeviceCore::waiting_for() const {
  if (!in_round_) return {};
  if (sync_.stage() != GradientSync::Stage::idle) return sync_.missing();
  std::vector<Tag> tags;
  for (const Strand& strand : strands_)
    if (!strand.done())
      for (const Tag& tag : strand.missing()) tags.push_back(tag);
  return tags;
}

}  // namespace dsrun
