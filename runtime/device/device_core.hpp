// DeviceCore: everything that one device does, as a state machine without actors, threads or sockets.
//
// Feed it messages; after each, call pump() until it has nothing ready. It runs one op per call and never blocks on a
// peer. So any number of DeviceCores can share a thread, and a test can drive a whole job. take_outgoing(),
// take_result() and take_done() return what it has to send. After an exception the device is unusable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "models/passes/turns.hpp"
#include "runtime/device/device_context.hpp"
#include "runtime/device/gradient_sync.hpp"
#include "runtime/device/inbox/inbox.hpp"
#include "runtime/device/strand.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

// One thing a device did, for traces and tests of order.
struct DeviceSpan {
  enum class What : std::uint8_t { op, optimizer, idle, instruction, wire };
  What what = What::op;
  Op op = Op::embed;
  Pass pass = Pass::forward;
  Part part = Part::whole;
  int phase = 0, microbatch = 0, layer = 0;
  std::int64_t start_ns = 0, end_ns = 0;
  std::int64_t cpu_ns = 0;  // CPU time of the device's thread, for an op or a part of the step's end
  int stage = 0, node = 0;  // of an op: its place in the plan
  double rows = 0;          // of an op, as StepWork counts them
  GradientSync::Stage sync = GradientSync::Stage::idle;  // of the optimizer
  int bucket = 0;                                        // … of the layout
  Instruction instruction{};                             // of an instruction
  Traffic traffic = Traffic::activation;                 // of a wire: the kind of message on its way to `peer`
  Hop hop = Hop::direct;                                 // … of an expert exchange
  int peer = 0;
  std::int64_t num_bytes = 0;
};

class DeviceCore {
 public:
  // All devices of a job must have the same plan and the same loader. Allocates and initialises parameters, in memory
  // of that reach. Without a `backend` it uses the one for the plan's kind of device; throws std::runtime_error if this
  // program has none.
  DeviceCore(std::shared_ptr<const Plan> plan, int rank, std::shared_ptr<const BatchLoader> loader,
             DeviceUse use = DeviceUse::training, const Clock& clock = system_clock(), Reach reach = Reach::process,
             const Backend* backend = nullptr);

  // Sets the generation of its membership, before the first round.
  void join(std::uint32_t generation) { context_.generation = generation; }

  // Takes a message of another rank. A message of another generation is dropped and counted. Throws MessageError if the
  // plan does not foresee it.
  void on_tensor(TensorMessage message);
  void on_round(const RoundOrder& order);    // precondition: no round is running
  void on_update(const UpdateOrder& order);  // precondition: this round's result has been taken

  // Call this before pump() if its thread is not the constructor's.
  void bind_thread() const { context_.gemm->bind_thread(); }
  // Says that other devices run on the same thread. The time that a message then lies unhandled counts as a wait for a
  // core, not for delivery.
  void share_thread() { shares_thread_ = true; }
  // Runs one ready op. False: nothing is ready. Throws what a kernel throws; where() then names the op.
  bool pump();

  std::vector<Outgoing> take_outgoing();
  std::optional<RoundResult> take_result();
  std::optional<RoundDone> take_done();

  // The messages that the device waits for; empty unless it waits for a peer.
  std::vector<Tag> waiting_for() const;
  std::string where() const;  // the op last begun, in words

  // Called after each op with what it was and when; for traces.
  void observe(std::function<void(const DeviceSpan&)> observer) { observer_ = std::move(observer); }
  // Called before each forward of the head, on the rank that has it.
  void observe_head(HeadObserver observer) { context_.on_head = std::move(observer); }
  void observe_predictions(PredictionObserver observer) { context_.on_predictions = std::move(observer); }
  void observe_routing(RoutingObserver observer) { context_.on_routing = std::move(observer); }
  const std::vector<Instruction>& executed() const { return executed_; }  // of the current or last round (S-2)

  ParameterStore& parameters() { return context_.parameters; }
  const std::vector<std::vector<float>>& biases() const { return context_.biases(); }
  void set_biases(std::vector<std::vector<float>> biases) { context_.set_biases(std::move(biases)); }
  MemoryPool& memory() { return *context_.pool; }
  const DeviceContext& context() const { return context_; }
  std::int64_t num_dropped() const { return num_dropped_; }

 private:
  const Program& program_of(const RoundOrder& order);
  const RankProgram& program() const;
  bool start_instruction();  // false: the Program is over
  Strand make_strand(const Half& half);
  const StepList& list_of(const Half& half, int stage) const;
  int choose_strand();  // 0 or 1; −1: none can run
  double& wait_cause();
  bool run_instruction_step();
  bool run_sync_step();
  void finish_instruction();
  void end_round();
  template <class Work>
  void timed(DeviceSpan span, double PhaseTimes::*phase, Work work);
  void account_wait(std::int64_t now);
  InstructionTimes& instruction_times() { return program_times_.of(kind_of(program().instructions[cursor_])); }
  std::int64_t count_overhead(std::int64_t wall_ns);

  DeviceContext context_;
  Inbox inbox_;
  std::int64_t num_dropped_ = 0;  // messages of another generation
  GradientSync sync_;
  Program evaluate_program_;
  std::map<int, Program> smaller_programs_;  // by number of microbatches; for a batch that still grows
  const Program* program_ = nullptr;         // the round's
  bool in_round_ = false;
  std::size_t cursor_ = 0;
  std::vector<Strand> strands_;                  // of the current instruction
  Turns turns_;                                  // F&B: whose step comes next
  std::map<std::pair<int, int>, Frame> frames_;  // by (phase, microbatch of the phase)
  std::vector<Instruction> executed_;
  std::optional<RoundResult> result_;
  std::optional<RoundDone> done_;
  PhaseTimes times_;
  OpSeconds op_seconds_;
  ProgramTimes program_times_;
  std::int64_t instruction_start_ns_ = 0;  // when its first op began; 0: none has run
  bool shares_thread_ = false;
  std::int64_t round_start_ns_ = 0;
  std::int64_t waiting_since_ns_ = 0;  // 0: not waiting
  double* wait_cause_ = nullptr;       // in program_times_
  std::int64_t unblocked_ns_ = 0;      // when the message that ended the wait was sent
  StepPlace doing_;                    // the op last begun,
  const char* doing_sync_ = nullptr;   // unless it is one of the synchronisation
  std::function<void(const DeviceSpan&)> observer_;
};

}  // namespace dsrun
