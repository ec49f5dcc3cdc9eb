// Memory over time, against a plain play of every step with a set of live values.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <utility>

#include "cluster/memory/memory_plan.hpp"
#include "runtime/schedule/schedule.hpp"
#include "tests/cluster/small_layout.hpp"
#include "tests/models/cut_inside_layers.hpp"

namespace dsrun {
namespace {

// The oracle: what an executor does, value by value.
class PlainPlay {
 public:
  PlainPlay(const Plan& plan, int pipeline_index)
      : plan_(plan), rank_(plan.program.ranks[static_cast<std::size_t>(pipeline_index)]) {}

  std::vector<MemoryPoint> play() {
    std::vector<MemoryPoint> points;
    for (const Instruction& instruction : rank_.instructions) {
      point_.peak = point_.live;
      point_.peak_total = total();
      play(instruction);
      points.push_back(point_);
    }
    return points;
  }

 private:
  struct Strand {
    Half half;
    const StageSteps& stage;
    const StepList& list;
    const Ports& ports;
    std::size_t next = 0;
  };

  Strand strand_of(const Half& half) const {
    const StageSteps& stage = plan_.stages[static_cast<std::size_t>(rank_.chunks[half.phase].stage)];
    switch (half.kind) {
      case Kind::forward:
        return {half, stage, stage.forward, stage.forward_ports};
      case Kind::backward:
        return {half, stage, stage.backward, stage.backward_ports};
      case Kind::backward_input:
        return {half, stage, stage.backward_input, stage.backward_input_ports};
      default:
        return {half, stage, stage.backward_weight, no_ports_};
    }
  }

  void play(const Instruction& instruction) {
    Strand strands[2] = {strand_of(instruction.first), strand_of(instruction.overlapped.value_or(instruction.first))};
    const bool both = instruction.overlapped.has_value();
    if (both && plan_.job.parallel.overlap)
      for (const std::uint8_t turn : interleave(strands[0].list, strands[1].list)) step(strands[turn]);
    for (int s = 0; s < (both ? 2 : 1); ++s)
      while (strands[s].next < strands[s].list.size()) step(strands[s]);
  }

  void step(Strand& strand) {
    auto& live = frames_[{strand.half.phase, strand.half.microbatch}];
    if (strand.next == 0)
      for (const ValueId id : strand.ports.arrive) hold(strand, live, id);
    const OpStep& step = strand.list[strand.next++];
    for (const ValueId id : step.allocates) hold(strand, live, id);
    for (const TakeOver& move : step.takes_over) {
      drop(strand, live, move.from);
      hold(strand, live, move.to);
    }
    for (const ValueId id : step.releases) drop(strand, live, id);
    if (strand.next < strand.list.size()) return;
    for (const Departure& port : strand.ports.leave)
      if (!port.stays) drop(strand, live, port.value);
    if (strand.half.kind == Kind::weight || strand.half.kind == Kind::backward)
      while (!live.empty()) drop(strand, live, live.begin()->first);
  }

  using Live = std::map<ValueId, ActivationClass>;

  void hold(const Strand& strand, Live& live, ValueId id) {
    if (id == no_value) return;
    const Value& value = strand.stage.values[static_cast<std::size_t>(id)];
    live[id] = value.rows == Rows::routed   ? ActivationClass::routed
               : is_saved(strand.stage, id) ? ActivationClass::saved
                                            : ActivationClass::working;
    change(live[id], bytes_of(value));
  }
  bool is_saved(const StageSteps& stage, ValueId id) {
    auto& saved = saved_[&stage];
    if (saved.empty()) saved = saved_values(stage);
    return saved[static_cast<std::size_t>(id)];
  }
  void drop(const Strand& strand, Live& live, ValueId id) {
    if (!live.contains(id)) return;
    change(live[id], -bytes_of(strand.stage.values[static_cast<std::size_t>(id)]));
    live.erase(id);
  }
  std::int64_t bytes_of(const Value& value) const {
    const std::int64_t rows = value.rows == Rows::tokens ? plan_.tokens_per_microbatch() : planned_rows(plan_);
    const std::int64_t bytes = rows * value.cols * element_bytes(value.element, plan_.job.precision.compute);
    return (bytes + 63) / 64 * 64;
  }
  std::int64_t total() const { return point_.live[0] + point_.live[1] + point_.live[2]; }
  void change(ActivationClass of, std::int64_t bytes) {
    const auto c = static_cast<std::size_t>(of);
    point_.live[c] += bytes;
    point_.peak[c] = std::max(point_.peak[c], point_.live[c]);
    point_.peak_total = std::max(point_.peak_total, total());
  }

  const Plan& plan_;
  const RankProgram& rank_;
  const Ports no_ports_;
  std::map<std::pair<int, int>, Live> frames_;
  std::map<const StageSteps*, decltype(saved_values(std::declval<const StageSteps&>()))> saved_;
  MemoryPoint point_;
};

void expect_same(const Plan& plan) {
  const std::vector<MemoryTimeline> timelines = play_memory(plan);
  ASSERT_EQ(timelines.size(), plan.program.ranks.size());
  for (std::size_t p = 0; p < timelines.size(); ++p) {
    const std::vector<MemoryPoint> expected = PlainPlay(plan, static_cast<int>(p)).play();
    ASSERT_EQ(timelines[p].points.size(), expected.size());
    std::int64_t highest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const MemoryPoint& found = timelines[p].points[i];
      EXPECT_EQ(found.live, expected[i].live) << "rank " << p << " instruction " << i;
      EXPECT_EQ(found.peak, expected[i].peak) << "rank " << p << " instruction " << i;
      EXPECT_EQ(found.peak_total, expected[i].peak_total) << "rank " << p << " instruction " << i;
      highest = std::max(highest, expected[i].peak_total);
    }
    EXPECT_EQ(timelines[p].peak_total(), highest);
    EXPECT_EQ(timelines[p].points.back().live, ActivationBytes{});  // nothing stays from step to step
  }
}

TEST(MemoryTimeline, is_what_a_plain_play_gives) {
  for (const ScheduleRow& row : schedules())
    for (const int pipeline : {1, 2, 4})
      for (const RecomputeSpec& recompute :
           {RecomputeSpec{}, RecomputeSpec{.rms_norm = true, .swiglu = true}, RecomputeSpec{.full = true}})
        for (const bool overlap : {true, false}) {
          Job job = test::layout_job(row.name.data(), pipeline, 1, 1, 1);
          if (row.fault({pipeline, job.batch.microbatches})) continue;
          SCOPED_TRACE(testing::Message() << row.name << " on " << pipeline << ", overlap " << overlap);
          job.model.layers = 2 * pipeline;
          job.parallel.layers_per_stage.clear();
          job.parallel.overlap = overlap;
          job.memory.recompute = recompute;
          expect_same(make_plan(job));
        }
}

TEST(MemoryTimeline, of_several_ports_is_what_a_plain_play_gives) {
  for (const char* schedule : {"1f1b", "zb1p", "dualpipe"})
    for (const bool recomputes : {false, true}) {
      Job job = test::layout_job(schedule, 2, 1, 1);
      job.memory.recompute.full = recomputes;
      const Graph model = build_graph(job.model);
      SCOPED_TRACE(testing::Message() << schedule << ", recomputes " << recomputes);
      expect_same(make_plan(job, test::cut_behind_mlp_norm(model, job.model.layers)));
      expect_same(make_plan(job, test::cut_before_attention(model, job.model.layers)));
      expect_same(make_plan(job, test::with_embedding_at_the_end(model)));
    }
}

TEST(MemoryPlan, ranks_of_a_pipeline_index_share_an_entry) {
  Job job = test::layout_job("1f1b", 2, 4, 2);
  const Plan plan = make_plan(job);
  const MemoryPlan memory = plan_memory(plan, {});
  EXPECT_EQ(memory.by_index.size(), 2u);
  EXPECT_EQ(memory.size(), 8u);
  for (std::size_t rank = 0; rank < memory.size(); ++rank) {
    std::int64_t weights = 0, optimizer = 0;
    for (const Bucket& bucket : plan.layout.buckets)
      if (std::count(bucket.ranks.begin(), bucket.ranks.end(), static_cast<int>(rank)) > 0) {
        weights += bucket.size * 2;
        optimizer += bucket.shard_size() * 12;
      }
    EXPECT_EQ(memory[rank].weights, weights) << "rank " << rank;
    EXPECT_EQ(memory[rank].optimizer, optimizer) << "rank " << rank;
    EXPECT_EQ(memory[rank].peak, memory[rank].constant() + memory.timeline(rank).peak_total());
  }
}

TEST(MemoryTimeline, prints_a_line_an_instruction) {
  const Plan plan = make_plan(test::layout_job("1f1b", 2, 1, 1));
  const MemoryTimeline timeline = play_memory(plan)[0];
  const std::string text = to_string(timeline, plan.program.ranks[0]);
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), timeline.points.size());
  EXPECT_EQ(text.substr(0, 4), "F0.0");
  EXPECT_NE(text.find("(highest)"), std::string::npos);
  const nlohmann::json json = to_json(timeline);
  for (const char* name : {"saved", "working", "routed", "peak"}) EXPECT_EQ(json[name].size(), timeline.points.size());
}

}  // namespace
}  // namespace dsrun
