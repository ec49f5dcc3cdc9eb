#include "cluster/memory_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "runtime/schedule/footprint.hpp"

namespace dsrun {
namespace {

std::int64_t rounded(std::int64_t bytes) { return (std::max<std::int64_t>(bytes, 1) + 63) / 64 * 64; }

enum Class : std::size_t { saved, working, routed, num_classes };

// What is live at a point of the Program, and the most that ever was.
struct Level {
  std::array<std::int64_t, num_classes> live{}, peak{};
  std::int64_t total = 0, peak_total = 0;
  void change(Class of, std::int64_t bytes) {
    live[of] += bytes;
    total += bytes;
    peak[of] = std::max(peak[of], live[of]);
    peak_total = std::max(peak_total, total);
  }
};

// One pipeline index's Program, played with bytes instead of numbers.
class Play {
 public:
  explicit Play(const Plan& plan, int pipeline_index)
      : plan_(plan),
        program_(plan.program.ranks[static_cast<std::size_t>(pipeline_index)]),
        tokens_(plan.tokens_per_microbatch()),
        rows_(planned_rows(plan)) {
    for (const StageSteps& stage : plan.stages) saved_.push_back(saved_values(stage));
  }

  Level run() {
    for (const Instruction& instruction : program_.instructions) {
      const std::int64_t before = level_.peak_total;
      play(instruction);
      if (level_.peak_total > before) peak_at_ = to_string(instruction);
    }
    return level_;
  }
  const std::string& peak_at() const { return peak_at_; }

 private:
  struct Strand {
    const StageSteps* stage;
    const StepList* list;
    Half half;
    std::size_t next = 0;
  };
  using Frame = std::pair<int, int>;  // phase, microbatch

  Strand strand_of(const Half& half) const {
    const StageSteps& stage = stage_of(half);
    const StepList& list = half.kind == Kind::forward          ? stage.forward
                           : half.kind == Kind::backward       ? stage.backward
                           : half.kind == Kind::backward_input ? stage.backward_input
                                                               : stage.backward_weight;
    return {&stage, &list, half};
  }
  const StageSteps& stage_of(const Half& half) const {
    return plan_.stages[static_cast<std::size_t>(program_.chunks[half.phase].stage)];
  }

  void play(const Instruction& instruction) {
    Strand first = strand_of(instruction.first);
    if (!instruction.overlapped) {
      while (first.next < first.list->size()) play(first);
      return;
    }
    Strand second = strand_of(*instruction.overlapped);
    if (plan_.job.parallel.overlap) {
      for (const std::uint8_t turn : interleave(*first.list, *second.list)) play(turn == 0 ? first : second);
      return;
    }
    while (first.next < first.list->size()) play(first);
    while (second.next < second.list->size()) play(second);
  }

  Class class_of(const Half& half, ValueId id) const {
    const StageSteps& stage = stage_of(half);
    if (stage.values[static_cast<std::size_t>(id)].rows == Rows::routed) return routed;
    const auto& saved_here = saved_[static_cast<std::size_t>(program_.chunks[half.phase].stage)];
    return saved_here[static_cast<std::size_t>(id)] ? saved : working;
  }
  std::int64_t bytes_of(const Half& half, ValueId id) const {
    const Value& value = stage_of(half).values[static_cast<std::size_t>(id)];
    const std::int64_t rows = value.rows == Rows::tokens ? tokens_ : rows_;
    return rounded(rows * value.cols * element_bytes(value.element, plan_.job.precision.compute));
  }

  void hold(const Half& half, ValueId id) {
    if (id == no_value) return;
    live_[{half.phase, half.microbatch}][id] = class_of(half, id);
    level_.change(class_of(half, id), bytes_of(half, id));
  }
  void drop(const Half& half, ValueId id) {
    auto& frame = live_[{half.phase, half.microbatch}];
    const auto found = frame.find(id);
    if (found == frame.end()) return;
    level_.change(found->second, -bytes_of(half, id));
    frame.erase(found);
  }

  void play(Strand& strand) {
    const Half& half = strand.half;
    const bool forward = half.kind == Kind::forward;
    if (strand.next == 0 && half.kind != Kind::weight)
      hold(half, forward ? strand.stage->graph.input : strand.stage->output_gradient);
    const Step& step = (*strand.list)[strand.next++];
    for (const ValueId id : step.allocates) hold(half, id);
    for (const TakeOver& move : step.takes_over) {
      drop(half, move.from);
      hold(half, move.to);
    }
    for (const ValueId id : step.releases) drop(half, id);
    if (strand.next < strand.list->size()) return;
    if (half.kind != Kind::weight) drop(half, forward ? strand.stage->graph.output : strand.stage->input_gradient);
    if (half.kind == Kind::backward || half.kind == Kind::weight) {
      auto& frame = live_[{half.phase, half.microbatch}];
      while (!frame.empty()) drop(half, frame.begin()->first);
    }
  }

  const Plan& plan_;
  const RankProgram& program_;
  std::int64_t tokens_, rows_;
  std::vector<std::vector<bool>> saved_;
  std::map<Frame, std::map<ValueId, Class>> live_;
  Level level_;
  std::string peak_at_;
};

// Point-to-point: as many as can be under way towards this rank. Transfers of experts' rows: what this rank has sent of
// one and not had of it, and, since a peer may be one transfer ahead, the rows of a combine and of the dispatch after
// it as received; twice that where a forward and a backward are interleaved.
std::int64_t message_bound(const Plan& plan, int pipeline_index) {
  const std::int64_t es = element_bytes(Element::compute, plan.job.precision.compute);
  const std::int64_t row = plan.job.model.hidden * es;
  std::int64_t credits = 0;
  for (const LinkCredit& credit : link_credits(plan.program))
    if (credit.to == pipeline_index || credit.from == pipeline_index) credits += credit.num_messages;
  std::int64_t bytes = credits * rounded(plan.tokens_per_microbatch() * row);
  const auto& chunks = plan.program.ranks[static_cast<std::size_t>(pipeline_index)].chunks;
  const bool has_moe = std::any_of(chunks.begin(), chunks.end(), [&](const Chunk& chunk) {
    return !plan.stages[static_cast<std::size_t>(chunk.stage)].graph.moe_layers.empty();
  });
  if (has_moe) {
    const auto& instructions = plan.program.ranks[static_cast<std::size_t>(pipeline_index)].instructions;
    const bool interleaves = std::any_of(instructions.begin(), instructions.end(),
                                         [](const Instruction& each) { return each.overlapped.has_value(); });
    const std::int64_t own_rows = plan.tokens_per_microbatch() * plan.job.model.experts_per_token;
    bytes += (interleaves ? 2 : 1) * (2 * own_rows + planned_rows(plan)) *
             (row + element_bytes(Element::wide, plan.job.precision.compute));
  }
  return bytes;
}

// Of an element: master, two moments, and the average if there is one.
std::int64_t optimizer_bytes(const Job& job) {
  const std::int64_t wide = element_bytes(Element::wide, job.precision.compute);
  const bool narrow_moments = job.precision.compute != Precision::fp64 && job.optimizer.moments == Moments::bf16;
  return (job.optimizer.ema_decay > 0 ? 2 : 1) * wide + 2 * (narrow_moments ? 2 : wide);
}

}  // namespace

std::int64_t planned_rows(const Plan& plan) {
  const double mean = static_cast<double>(plan.tokens_per_microbatch()) * plan.job.model.experts_per_token;
  return static_cast<std::int64_t>(std::ceil(mean * plan.job.balance.load_factor));
}

std::vector<RankMemory> plan_memory(const Plan& plan, const DeviceMemoryModel& model) {
  const std::int64_t weight = element_bytes(Element::compute, plan.job.precision.compute);
  const std::int64_t wide = element_bytes(Element::wide, plan.job.precision.compute);
  std::vector<RankMemory> ranks(static_cast<std::size_t>(plan.mesh.size()));
  for (int p = 0; p < plan.mesh.pipeline; ++p) {
    Play play(plan, p);
    const Level level = play.run();
    RankMemory each;
    each.saved = level.peak[saved];
    each.working = level.peak[working];
    each.routed = level.peak[routed];
    each.messages = message_bound(plan, p);
    each.scratch = model.scratch_bytes.empty() ? 0 : model.scratch_bytes[static_cast<std::size_t>(p)];
    each.peak_at = play.peak_at();
    for (int d = 0; d < plan.mesh.data; ++d) {
      RankMemory& rank = ranks[static_cast<std::size_t>(plan.mesh.rank(p, d))];
      rank = each;
      rank.peak = level.peak_total + each.messages + each.scratch;
    }
  }
  for (const Bucket& bucket : plan.layout.buckets)
    for (const int rank : bucket.ranks) {
      RankMemory& memory = ranks[static_cast<std::size_t>(rank)];
      const std::int64_t weights = bucket.size * weight, gradients = bucket.size * wide;
      const std::int64_t optimizer = bucket.shard_size() * optimizer_bytes(plan.job);
      memory.weights += weights;
      memory.gradients += gradients;
      memory.optimizer += optimizer;
      memory.peak += weights + gradients + optimizer;
    }
  return ranks;
}

nlohmann::json to_json(const RankMemory& memory) {
  return {{"weights", memory.weights},     {"gradients", memory.gradients},
          {"optimizer", memory.optimizer}, {"activations", memory.saved + memory.working + memory.routed},
          {"saved", memory.saved},         {"working", memory.working},
          {"routed", memory.routed},       {"messages", memory.messages},
          {"scratch", memory.scratch},     {"peak", memory.peak},
          {"peak_at", memory.peak_at}};
}

}  // namespace dsrun
