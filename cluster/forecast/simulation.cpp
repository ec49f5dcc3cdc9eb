#include "cluster/forecast/simulation.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <queue>
#include <stdexcept>
#include <tuple>
#include <unordered_map>

#include "runtime/schedule/dataflow.hpp"

namespace dsrun {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

// A message, or all of a group's messages of one transfer: when the last was sent and when it arrives.
struct SimulatedArrival {
  double sent = 0;
  double at = never;
  int missing = 0;
};

struct SimulatedStrand {
  const CostedList* list = nullptr;
  Half half{};
  int stage = 0, direction = 0;
  std::size_t next = 0;
  bool done() const { return next == list->size(); }
  const CostedStep& step() const { return (*list)[next]; }
};

struct Lane {
  int rank = 0;
  const RankProgram* program = nullptr;
  std::map<int, CostedStage> plain, shared;  // by stage: costs alone, and within F&B
  double now = 0;
  double blocked_since = never;
  double wakes_at = never;
  int version = 0;  // of its latest entry in the queue
  std::size_t cursor = 0;
  std::vector<SimulatedStrand> strands;
  Turns turns;
  std::array<double, 2> port_free{0, 0};  // local, network
  int forwards_left = 0;
  bool had_backward = false;
  ReplayedRank result;
};

class Simulation {
 public:
  explicit Simulation(const SimulationInput& input)
      : in_(input),
        program_(*input.program),
        mesh_(input.mesh),
        microbatches_(program_.microbatches_per_direction()),
        stride_(input.alike ? mesh_.data : 1),
        members_(input.alike ? 1 : mesh_.expert),
        cores_(static_cast<std::size_t>(input.cores), 0.0) {
    for (int rank = 0; rank < mesh_.size(); rank += stride_) add_lane(rank);
    messages_.resize(static_cast<std::size_t>(input.alike ? 1 : mesh_.data) * 2 * per_replica());
  }

  std::vector<SimulatedRank> run() {
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) push(lane, 0);
    while (!queue_.empty()) {
      const Event event = queue_.top();
      queue_.pop();
      Lane& lane = lanes_[event.lane];
      if (event.version != lane.version) continue;
      lane.now = std::max(lane.now, event.at);
      advance(event.lane);
    }
    for (const Lane& lane : lanes_)
      if (lane.cursor < lane.program->instructions.size()) throw std::logic_error("the replayed Program hangs");
    std::vector<SimulatedRank> all;
    for (Lane& lane : lanes_) all.push_back({std::move(lane.result), lane.port_free});
    return all;
  }

 private:
  struct Event {
    double at;
    std::size_t lane;
    int version;
    bool operator<(const Event& other) const { return std::tie(at, lane) > std::tie(other.at, other.lane); }
  };

  std::size_t per_replica() const {
    return static_cast<std::size_t>(program_.num_directions) * static_cast<std::size_t>(program_.num_stages) *
           static_cast<std::size_t>(microbatches_);
  }

  void add_lane(int rank) {
    Lane lane;
    lane.rank = lane.result.rank = rank;
    lane.program = &program_.ranks[static_cast<std::size_t>(mesh_.pipeline_index(rank))];
    for (const Chunk& chunk : lane.program->chunks) {
      lane.plain.emplace(chunk.stage, in_.costs(chunk.stage, rank, false));
      lane.shared.emplace(chunk.stage, in_.costs(chunk.stage, rank, true));
    }
    for (const auto& [first, overlapped] : lane.program->instructions)
      lane.forwards_left += (first.kind == Kind::forward) + (overlapped && overlapped->kind == Kind::forward);
    lanes_.push_back(std::move(lane));
  }

  std::size_t lane_of(int rank) const { return static_cast<std::size_t>(rank / stride_); }

  void push(std::size_t lane, double at) {
    lanes_[lane].wakes_at = at;
    queue_.push({at, lane, ++lanes_[lane].version});
  }

  // A lane that waits may go on at `at`, unless it will be asked before.
  void wake(std::size_t index, double at) {
    const Lane& lane = lanes_[index];
    if (lane.blocked_since == never) return;
    if (at = std::max(at, lane.blocked_since); at < lane.wakes_at) push(index, at);
  }

  SimulatedArrival& message(const Lane& lane, bool gradient, int direction, int stage, int microbatch) {
    const int replica = in_.alike ? 0 : mesh_.data_index(lane.rank);
    const std::size_t block = static_cast<std::size_t>(replica * 2 + (gradient ? 1 : 0)) * per_replica();
    return messages_[block +
                     static_cast<std::size_t>((direction * program_.num_stages + stage) * microbatches_ + microbatch)];
  }

  // What the starts of a transfer send or, `relayed`, its relays.
  SimulatedArrival& transfer(const Lane& lane, const SimulatedStrand& strand, bool relayed) {
    const std::int64_t group = in_.alike ? lane.rank : lane.rank - mesh_.expert_index(lane.rank);
    const std::int64_t key = (((group * 2 + strand.direction) * program_.num_stages + strand.stage) * microbatches_ +
                              strand.half.microbatch) *
                                 max_transfers +
                             strand.step().transfer * 2 + (relayed ? 1 : 0);
    SimulatedArrival& arrival = transfers_[key];
    if (arrival.at == never && arrival.missing == 0) {
      arrival.missing = members_;
      arrival.at = 0;
    }
    return arrival;
  }

  // What the strand's next step waits for, if anything.
  const SimulatedArrival* needed(const Lane& lane, const SimulatedStrand& strand) {
    const bool forward = strand.half.kind == Kind::forward;
    const int first_stage = forward ? 0 : program_.num_stages - 1;
    if (strand.next == 0 && strand.half.kind != Kind::weight && strand.stage != first_stage)
      return &message(lane, !forward, strand.direction, strand.stage, strand.half.microbatch);
    const CostedStep& step = strand.step();
    if (step.part == Part::relay) return &transfer(lane, strand, false);
    return step.part == Part::finish ? &transfer(lane, strand, step.two_hop) : nullptr;
  }
  static double ready_at(const SimulatedArrival* arrival) {
    if (arrival == nullptr) return 0;
    return arrival->missing > 0 ? never : arrival->at;
  }

  static const SimulatedArrival* later(const SimulatedArrival* a, const SimulatedArrival* b) {
    return ready_at(a) >= ready_at(b) ? a : b;
  }

  void start_instruction(Lane& lane) {
    const Instruction& instruction = lane.program->instructions[lane.cursor];
    const auto strand = [&](const Half& half) {
      const Chunk& chunk = lane.program->chunks[half.phase];
      const auto& costs = instruction.overlapped ? lane.shared : lane.plain;
      return SimulatedStrand{&costs.at(chunk.stage).list(half.kind), half, chunk.stage, chunk.direction, 0};
    };
    lane.strands = {strand(instruction.first)};
    lane.result.instructions.push_back({.instruction = instruction, .start = never});
    if (!instruction.overlapped) return;
    lane.strands.push_back(strand(*instruction.overlapped));
    lane.turns = turns_of(lane.strands[0].stage, lane.strands[1].stage);
  }

  const Turns& turns_of(int forward_stage, int backward_stage) {
    const auto [found, is_new] = turns_.try_emplace({forward_stage, backward_stage});
    if (is_new) found->second = in_.turns(forward_stage, backward_stage);
    return found->second;
  }

  // The strand to run now, or nothing; then `until` is when one can, as far as is known.
  std::optional<std::size_t> choose(Lane& lane, double& until, const SimulatedArrival*& waited_for) {
    const bool two = lane.strands.size() == 2;
    const auto due = static_cast<std::size_t>(two ? lane.turns.due() : 0);
    waited_for = needed(lane, lane.strands[due]);
    if (in_.atomic && two && due == 0) waited_for = later(waited_for, needed(lane, lane.strands[1]));
    until = ready_at(waited_for);
    if (until <= lane.now) {
      if (two) lane.turns.took_turn();
      return due;
    }
    if (!two || !lane.turns.may_run_ahead()) return std::nullopt;
    const std::size_t other = 1 - due;
    const SimulatedStrand& strand = lane.strands[other];
    if (strand.done() || sends(strand.step().part)) return std::nullopt;
    const SimulatedArrival* others = needed(lane, strand);
    if (ready_at(others) > lane.now) {
      until = std::min(until, ready_at(others));
      return std::nullopt;
    }
    waited_for = others;
    lane.turns.ran_ahead(static_cast<int>(other));
    return other;
  }

  void advance(std::size_t index) {
    Lane& lane = lanes_[index];
    while (lane.cursor < lane.program->instructions.size()) {
      if (!queue_.empty() && queue_.top().at < lane.now) return push(index, lane.now);
      if (lane.strands.empty()) start_instruction(lane);
      double until = never;
      const SimulatedArrival* waited_for = nullptr;
      const auto chosen = choose(lane, until, waited_for);
      if (!chosen) {
        if (lane.blocked_since == never) lane.blocked_since = lane.now;
        lane.wakes_at = never;
        if (until != never) push(index, until);
        return;
      }
      account_wait(lane, waited_for);
      run_step(lane, lane.strands[*chosen]);
      if (std::all_of(lane.strands.begin(), lane.strands.end(),
                      [](const SimulatedStrand& each) { return each.done(); }))
        finish_instruction(lane);
    }
  }

  void account_wait(Lane& lane, const SimulatedArrival* waited_for) {
    if (lane.blocked_since == never) return;
    const double from = lane.blocked_since, to = lane.now;
    lane.blocked_since = never;
    const double link = waited_for == nullptr ? 0 : std::max(0.0, to - std::max(from, waited_for->sent));
    ReplayedInstruction& instruction = lane.result.instructions.back();
    const bool begun = instruction.start != never;
    const Idle cause = begun                     ? Idle::dependency
                       : !lane.had_backward      ? Idle::warm_up
                       : lane.forwards_left == 0 ? Idle::drain
                                                 : Idle::dependency;
    if (!begun) {
      instruction.idle_before = cause;
      instruction.link_before = link;
    }
    lane.result.idle[static_cast<std::size_t>(Idle::link)] += link;
    lane.result.idle[static_cast<std::size_t>(cause)] += to - from - link;
  }

  double on_core(double from, double seconds) {
    if (cores_.empty()) return from + seconds;
    const auto core = std::min_element(cores_.begin(), cores_.end());
    *core = std::max(*core, from) + seconds;
    return *core;
  }

  double send(Lane& lane, std::size_t port, double bytes) {
    return (port == 0 ? in_.local : in_.network).send(lane.now, bytes, lane.port_free[port]);
  }

  void run_step(Lane& lane, SimulatedStrand& strand) {
    ReplayedInstruction& instruction = lane.result.instructions.back();
    const CostedStep& step = strand.step();
    double seconds = step.seconds;
    if (instruction.start == never) {
      instruction.start = lane.now;
      seconds += in_.instruction_overhead_secs;
    }
    const double end = on_core(lane.now, seconds);
    lane.result.core_wait += end - lane.now - seconds;
    lane.now = end;
    instruction.work += seconds;
    lane.result.work += seconds;
    if (sends(step.part)) send_rows(lane, strand);
    if (++strand.next == strand.list->size()) hand_on(lane, strand);
  }

  void send_rows(Lane& lane, const SimulatedStrand& strand) {
    const CostedStep& step = strand.step();
    SimulatedArrival& arrival = transfer(lane, strand, step.part == Part::relay);
    const double local = step.local_bytes > 0 ? send(lane, 0, step.local_bytes) : lane.now;
    const double network = step.network_bytes > 0 ? send(lane, 1, step.network_bytes) : lane.now;
    double at = std::max(local, network);
    if (step.two_hop && step.part == Part::start) {
      // Rows for the rank's own node go past the relays.
      SimulatedArrival& relayed = transfer(lane, strand, true);
      relayed.at = std::max(relayed.at, local);
      at = step.first_hop_is_local ? local : network;
    }
    arrival.sent = std::max(arrival.sent, lane.now);
    arrival.at = std::max(arrival.at, at);
    if (--arrival.missing > 0) return;
    const int first = lane.rank - mesh_.expert_index(lane.rank);
    for (int member = 0; member < (in_.alike ? 0 : members_); ++member) wake(lane_of(first + member), arrival.at);
  }

  void hand_on(Lane& lane, const SimulatedStrand& strand) {
    if (strand.half.kind == Kind::weight) return;
    const bool forward = strand.half.kind == Kind::forward;
    const int to_stage = strand.stage + (forward ? 1 : -1);
    const std::optional<int> holder = rank_of(program_, strand.direction, to_stage);
    if (!holder) return;  // the loss, or the tokens
    const int to = mesh_.rank(*holder, mesh_.data_index(lane.rank));
    SimulatedArrival& arrival = message(lane, !forward, strand.direction, to_stage, strand.half.microbatch);
    arrival.sent = lane.now;
    arrival.at = lane.now;
    if (to != lane.rank)
      arrival.at = send(lane, in_.same_node(lane.rank, to) ? 0 : 1, in_.boundary_bytes(strand.stage, strand.half.kind));
    wake(lane_of(to), arrival.at);
  }

  void finish_instruction(Lane& lane) {
    for (const SimulatedStrand& strand : lane.strands) {
      lane.forwards_left -= strand.half.kind == Kind::forward;
      lane.had_backward =
          lane.had_backward || strand.half.kind == Kind::backward || strand.half.kind == Kind::backward_input;
    }
    lane.result.instructions.back().end = lane.now;
    lane.strands.clear();
    ++lane.cursor;
    lane.result.program_end = lane.now;
  }

  static constexpr std::int64_t max_transfers = 1 << 20;

  const SimulationInput& in_;
  const Program& program_;
  const Mesh mesh_;
  int microbatches_;
  int stride_;                 // from a simulated rank to the next
  int members_;                // simulated, of a group
  std::vector<double> cores_;  // when each is free; empty: a core a rank
  std::vector<Lane> lanes_;
  std::vector<SimulatedArrival> messages_;
  std::unordered_map<std::int64_t, SimulatedArrival> transfers_;
  std::map<std::pair<int, int>, Turns> turns_;
  std::priority_queue<Event> queue_;
};

}  // namespace

std::vector<SimulatedRank> simulate(const SimulationInput& input) { return Simulation(input).run(); }

}  // namespace dsrun
