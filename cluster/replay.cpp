#include "cluster/replay.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <queue>
#include <stdexcept>
#include <tuple>
#include <unordered_map>

#include "cluster/replay_end.hpp"
#include "cluster/step_costs.hpp"
#include "models/turns.hpp"
#include "runtime/schedule/dataflow.hpp"

namespace dsrun {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

// Whether all data ranks of a pipeline index have the same links: nodes of one size that hold parts of a pipeline index
// (and whole expert groups, or parts of them), or whole pipeline indices.
bool links_are_alike(const Plan& plan, const Placement& placement) {
  if (placement.num_nodes() == 1) return true;
  const std::vector<NodeSpec>& nodes = plan.job.cluster.nodes;
  const int size = nodes[0].devices;
  if (std::any_of(nodes.begin(), nodes.end(), [&](const NodeSpec& node) { return node.devices != size; })) return false;
  if (size % plan.mesh.data == 0) return true;
  return plan.mesh.data % size == 0 && (plan.mesh.expert % size == 0 || size % plan.mesh.expert == 0);
}

// A message, or all of a group's messages of one transfer: when the last was sent and when it arrives.
struct Arrival {
  double sent = 0;
  double at = never;
  int missing = 0;
};

struct Strand {
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
  int version = 0;  // of its latest entry in the queue
  std::size_t cursor = 0;
  std::vector<Strand> strands;
  Turns turns;
  std::array<double, 2> port_free{0, 0};  // local, network
  int forwards_left = 0;
  bool had_backward = false;
  ReplayedRank result;
};

class Simulation {
 public:
  Simulation(const Plan& plan, const DeviceModel& model, const ReplayOptions& options)
      : plan_(plan),
        model_(model),
        overlap_(plan.job.parallel.overlap && options.overlap),
        costs_(plan, model),
        microbatches_(plan.program.microbatches_per_direction()) {
    const bool crowded = model.cores > 0 && plan.mesh.size() * plan.job.cluster.threads_per_device > model.cores;
    alike_ = links_are_alike(plan, costs_.placement()) && !crowded;
    if (crowded) cores_.assign(static_cast<std::size_t>(model.cores), 0.0);
    stride_ = alike_ ? plan.mesh.data : 1;
    for (int rank = 0; rank < plan.mesh.size(); rank += stride_) add_lane(rank);
    const auto replicas = static_cast<std::size_t>(alike_ ? 1 : plan.mesh.data);
    messages_.resize(replicas * 2 * per_replica());
    members_ = alike_ ? 1 : plan.mesh.expert;
  }

  Replayed run() {
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
    return finish();
  }

 private:
  struct Event {
    double at;
    std::size_t lane;
    int version;
    bool operator<(const Event& other) const { return std::tie(at, lane) > std::tie(other.at, other.lane); }
  };

  std::size_t per_replica() const {
    return static_cast<std::size_t>(plan_.program.num_directions) * static_cast<std::size_t>(plan_.program.num_stages) *
           static_cast<std::size_t>(microbatches_);
  }

  void add_lane(int rank) {
    Lane lane;
    lane.rank = lane.result.rank = rank;
    lane.program = &plan_.program.ranks[static_cast<std::size_t>(plan_.mesh.pipeline_index(rank))];
    for (const Chunk& chunk : lane.program->chunks) {
      lane.plain.emplace(chunk.stage, costs_.stage(chunk.stage, rank, false));
      lane.shared.emplace(chunk.stage, costs_.stage(chunk.stage, rank, overlap_));
    }
    for (const auto& [first, overlapped] : lane.program->instructions)
      lane.forwards_left += (first.kind == Kind::forward) + (overlapped && overlapped->kind == Kind::forward);
    lanes_.push_back(std::move(lane));
  }

  std::size_t lane_of(int rank) const { return static_cast<std::size_t>(rank / stride_); }

  void push(std::size_t lane, double at) { queue_.push({at, lane, ++lanes_[lane].version}); }

  // A lane that waits may go on at `at`.
  void wake(std::size_t lane, double at) {
    if (lanes_[lane].blocked_since != never) push(lane, std::max(at, lanes_[lane].blocked_since));
  }

  Arrival& message(const Lane& lane, bool gradient, int direction, int stage, int microbatch) {
    const int replica = alike_ ? 0 : plan_.mesh.data_index(lane.rank);
    const std::size_t block = static_cast<std::size_t>(replica * 2 + (gradient ? 1 : 0)) * per_replica();
    return messages_[block + static_cast<std::size_t>((direction * plan_.program.num_stages + stage) * microbatches_ +
                                                      microbatch)];
  }

  Arrival& transfer(const Lane& lane, const Strand& strand) {
    const std::int64_t group = alike_ ? lane.rank : lane.rank - plan_.mesh.expert_index(lane.rank);
    const std::int64_t key =
        (((group * 2 + strand.direction) * plan_.program.num_stages + strand.stage) * microbatches_ +
         strand.half.microbatch) *
            max_transfers +
        strand.step().transfer;
    Arrival& arrival = transfers_[key];
    if (arrival.at == never && arrival.missing == 0) {
      arrival.missing = members_;
      arrival.at = 0;
    }
    return arrival;
  }

  // What the strand's next step waits for, if anything.
  const Arrival* needed(const Lane& lane, const Strand& strand) {
    const bool forward = strand.half.kind == Kind::forward;
    if (strand.next == 0 && strand.half.kind != Kind::weight) {
      const Graph& graph = plan_.stages[static_cast<std::size_t>(strand.stage)].graph;
      if (forward ? !graph.embeds() : !graph.has_loss())
        return &message(lane, !forward, strand.direction, strand.stage, strand.half.microbatch);
    }
    return strand.step().part == Part::finish ? &transfer(lane, strand) : nullptr;
  }
  static double ready_at(const Arrival* arrival) {
    if (arrival == nullptr) return 0;
    return arrival->missing > 0 ? never : arrival->at;
  }

  void start_instruction(Lane& lane) {
    const Instruction& instruction = lane.program->instructions[lane.cursor];
    const auto strand = [&](const Half& half) {
      const Chunk& chunk = lane.program->chunks[half.phase];
      const auto& costs = instruction.overlapped ? lane.shared : lane.plain;
      return Strand{&costs.at(chunk.stage).list(half.kind), half, chunk.stage, chunk.direction, 0};
    };
    lane.strands = {strand(instruction.first)};
    lane.result.instructions.push_back({instruction, never, 0, 0});
    if (!instruction.overlapped) return;
    lane.strands.push_back(strand(*instruction.overlapped));
    lane.turns = turns_of(lane.strands[0].stage, lane.strands[1].stage);
  }

  const Turns& turns_of(int forward_stage, int backward_stage) {
    const auto [found, is_new] = turns_.try_emplace({forward_stage, backward_stage});
    if (is_new)
      found->second = Turns::of(plan_.stages[static_cast<std::size_t>(forward_stage)].forward,
                                plan_.stages[static_cast<std::size_t>(backward_stage)].backward, overlap_);
    return found->second;
  }

  // The strand to run now, or nothing; then `until` is when one can, as far as is known.
  std::optional<std::size_t> choose(Lane& lane, double& until, const Arrival*& waited_for) {
    const bool two = lane.strands.size() == 2;
    const auto due = static_cast<std::size_t>(two ? lane.turns.due() : 0);
    waited_for = needed(lane, lane.strands[due]);
    until = ready_at(waited_for);
    if (until <= lane.now) {
      if (two) lane.turns.took_turn();
      return due;
    }
    if (!two || !lane.turns.may_run_ahead()) return std::nullopt;
    const std::size_t other = 1 - due;
    const Strand& strand = lane.strands[other];
    if (strand.done() || strand.step().part == Part::start) return std::nullopt;
    const Arrival* others = needed(lane, strand);
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
      const Arrival* waited_for = nullptr;
      const auto chosen = choose(lane, until, waited_for);
      if (!chosen) {
        if (lane.blocked_since == never) lane.blocked_since = lane.now;
        if (until != never) push(index, until);
        return;
      }
      account_wait(lane, waited_for);
      run_step(lane, lane.strands[*chosen]);
      if (std::all_of(lane.strands.begin(), lane.strands.end(), [](const Strand& each) { return each.done(); }))
        finish_instruction(lane);
    }
  }

  void account_wait(Lane& lane, const Arrival* waited_for) {
    if (lane.blocked_since == never) return;
    const double from = lane.blocked_since, to = lane.now;
    lane.blocked_since = never;
    const double link = waited_for == nullptr ? 0 : std::max(0.0, to - std::max(from, waited_for->sent));
    const bool begun = lane.result.instructions.back().start != never;
    const Idle cause = begun                     ? Idle::dependency
                       : !lane.had_backward      ? Idle::warm_up
                       : lane.forwards_left == 0 ? Idle::drain
                                                 : Idle::dependency;
    lane.result.idle[static_cast<std::size_t>(Idle::link)] += link;
    lane.result.idle[static_cast<std::size_t>(cause)] += to - from - link;
  }

  double on_core(double from, double seconds) {
    if (cores_.empty()) return from + seconds;
    const auto core = std::min_element(cores_.begin(), cores_.end());
    *core = std::max(*core, from) + seconds;
    return *core;
  }

  // Bytes leave a port after what it has to send already.
  double send(Lane& lane, std::size_t port, double bytes) {
    const Port& of = port == 0 ? model_.local : model_.network;
    lane.port_free[port] = std::max(lane.port_free[port], lane.now) + of.transfer_seconds(bytes);
    return lane.port_free[port] + of.latency_secs;
  }

  void run_step(Lane& lane, Strand& strand) {
    ReplayedInstruction& instruction = lane.result.instructions.back();
    const CostedStep& step = strand.step();
    double seconds = step.seconds;
    if (instruction.start == never) {
      instruction.start = lane.now;
      seconds += model_.instruction_overhead_secs;
    }
    const double end = on_core(lane.now, seconds);
    lane.now = end;
    instruction.work += seconds;
    lane.result.work += seconds;
    if (step.part == Part::start) send_rows(lane, strand);
    if (++strand.next == strand.list->size()) hand_on(lane, strand);
  }

  void send_rows(Lane& lane, const Strand& strand) {
    Arrival& arrival = transfer(lane, strand);
    const CostedStep& step = strand.step();
    double at = lane.now;
    if (step.local_bytes > 0) at = std::max(at, send(lane, 0, step.local_bytes));
    if (step.network_bytes > 0) {
      // With two hops the last rows to come over the network still have to be passed on inside the host.
      const double hop = costs_.two_hop() ? model_.local.latency_secs : 0;
      at = std::max(at, send(lane, 1, step.network_bytes) + hop);
    }
    arrival.sent = std::max(arrival.sent, lane.now);
    arrival.at = std::max(arrival.at, at);
    if (--arrival.missing > 0) return;
    const int first = lane.rank - plan_.mesh.expert_index(lane.rank);
    for (int member = 0; member < (alike_ ? 0 : members_); ++member) wake(lane_of(first + member), arrival.at);
  }

  void hand_on(Lane& lane, const Strand& strand) {
    if (strand.half.kind == Kind::weight) return;
    const bool forward = strand.half.kind == Kind::forward;
    const Graph& graph = plan_.stages[static_cast<std::size_t>(strand.stage)].graph;
    if (forward ? graph.has_loss() : graph.embeds()) return;
    const int to_stage = strand.stage + (forward ? 1 : -1);
    const int to = plan_.stage_rank(lane.rank, to_stage, strand.direction);
    Arrival& arrival = message(lane, !forward, strand.direction, to_stage, strand.half.microbatch);
    arrival.sent = lane.now;
    arrival.at = lane.now;
    if (to != lane.rank)
      arrival.at = send(lane, costs_.placement().same_node(lane.rank, to) ? 0 : 1, costs_.activation_bytes());
    wake(lane_of(to), arrival.at);
  }

  void finish_instruction(Lane& lane) {
    for (const Strand& strand : lane.strands) {
      lane.forwards_left -= strand.half.kind == Kind::forward;
      lane.had_backward =
          lane.had_backward || strand.half.kind == Kind::backward || strand.half.kind == Kind::backward_input;
    }
    lane.result.instructions.back().end = lane.now;
    lane.strands.clear();
    ++lane.cursor;
    lane.result.program_end = lane.now;
  }

  Replayed finish() {
    std::vector<EndingRank> ending;
    for (Lane& lane : lanes_) ending.push_back({&lane.result, lane.port_free, costs_.buckets(lane.rank)});
    Replayed all;
    all.step_seconds = end_step(ending, model_, [this](int rank) { return lane_of(rank); });
    all.one_a_pipeline_index = alike_;
    for (Lane& lane : lanes_) all.ranks.push_back(std::move(lane.result));
    return all;
  }

  static constexpr std::int64_t max_transfers = 1 << 20;

  const Plan& plan_;
  const DeviceModel& model_;
  bool overlap_;
  StepCosts costs_;
  int microbatches_;
  bool alike_ = true;
  int stride_ = 1;
  int members_ = 1;
  std::vector<double> cores_;  // when each is free; empty: a core a device
  std::vector<Lane> lanes_;
  std::vector<Arrival> messages_;
  std::unordered_map<std::int64_t, Arrival> transfers_;
  std::map<std::pair<int, int>, Turns> turns_;
  std::priority_queue<Event> queue_;
};

}  // namespace

std::string_view idle_name(Idle cause) {
  constexpr std::array<std::string_view, num_idle_causes> names = {"warm-up", "drain", "dependency", "link",
                                                                   "synchronisation"};
  return names[static_cast<std::size_t>(cause)];
}

double ReplayedRank::idle_total() const { return std::accumulate(idle.begin(), idle.end(), 0.0); }

double Replayed::bubble() const {
  double share = 0;
  for (const ReplayedRank& rank : ranks) share += rank.idle_total() / step_seconds;
  return share / static_cast<double>(ranks.size());
}

std::array<KindTime, num_instruction_kinds> Replayed::kinds() const {
  std::array<KindTime, num_instruction_kinds> kinds{};
  for (const ReplayedRank& rank : ranks)
    for (const ReplayedInstruction& each : rank.instructions) {
      KindTime& kind = kinds[static_cast<std::size_t>(kind_of(each.instruction))];
      ++kind.count;
      kind.seconds += each.end - each.start;
      kind.work += each.work;
    }
  return kinds;
}

Replayed replay_step(const Plan& plan, const DeviceModel& model, const ReplayOptions& options) {
  return Simulation(plan, model, options).run();
}

}  // namespace dsrun
