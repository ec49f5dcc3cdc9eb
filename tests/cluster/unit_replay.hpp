// A step whose instructions take whole numbers of seconds and whose messages take none: what charts are drawn of here,
// so that neither a device's model nor rounding decides what they show.
#pragma once

#include <algorithm>
#include <map>
#include <tuple>

#include "cluster/forecast/forecast.hpp"
#include "tests/cluster/small_layout.hpp"

namespace dsrun::test {

inline Job chart_job(const char* schedule, int pipeline, int data = 1, int microbatches = 0) {
  Job job = layout_job(schedule, pipeline, data, 1);
  job.run.name = "charted";
  if (microbatches > 0) job.batch.microbatches = microbatches;
  job.batch.sequences = job.batch.microbatches * data;
  NodeSpec node;
  node.host = "here";
  node.devices = pipeline * data;
  node.kind = "cpu";
  job.cluster.nodes = {node};
  return job;
}

// F 2, B 4, I 2, W 2, F&B 5; a step's end of 1 to reduce, 1 to update, 1 to gather.
class UnitReplay {
 public:
  explicit UnitReplay(const Plan& plan) : plan_(plan) {
    for (std::size_t p = 0; p < plan.program.ranks.size(); ++p) {
      replayed_.ranks.emplace_back();
      replayed_.ranks[p].rank = plan.mesh.rank(static_cast<int>(p), 0);
    }
  }

  Replayed run() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (std::size_t p = 0; p < replayed_.ranks.size(); ++p)
        while (advance(p)) moved = true;
    }
    double reduced = 0;
    for (ReplayedRank& rank : replayed_.ranks) {
      rank.reduced = rank.program_end + 1;
      reduced = std::max(reduced, rank.reduced);
    }
    replayed_.step_seconds = reduced + 2;
    for (ReplayedRank& rank : replayed_.ranks) {
      rank.updated = reduced + 1;
      rank.end = reduced + 2;
      rank.idle[static_cast<std::size_t>(Idle::synchronisation)] = replayed_.step_seconds - rank.work - 3;
    }
    return replayed_;
  }

 private:
  using Key = std::tuple<bool, int, int, int>;  // whether a gradient; direction, stage, microbatch

  double seconds(const Instruction& instruction) const {
    constexpr std::array<double, num_instruction_kinds> costs = {2, 4, 2, 2, 5};
    return costs[static_cast<std::size_t>(kind_of(instruction))];
  }

  // When a half's input is there; negative: not yet.
  double ready(const RankProgram& rank, const Half& half) const {
    const Chunk& chunk = rank.chunks[half.phase];
    const bool gradient = half.kind != Kind::forward;
    const int from = gradient ? chunk.stage + 1 : chunk.stage - 1;
    if (half.kind == Kind::weight || from < 0 || from == plan_.program.num_stages) return 0;
    const auto found = done_.find({gradient, chunk.direction, from, half.microbatch});
    return found == done_.end() ? -1 : found->second;
  }

  bool advance(std::size_t p) {
    const RankProgram& program = plan_.program.ranks[p];
    ReplayedRank& rank = replayed_.ranks[p];
    if (rank.instructions.size() == program.instructions.size()) return false;
    const Instruction& next = program.instructions[rank.instructions.size()];
    double start = rank.program_end;
    for (const Half* half : {&next.first, next.overlapped ? &*next.overlapped : &next.first}) {
      const double at = ready(program, *half);
      if (at < 0) return false;
      start = std::max(start, at);
    }
    ReplayedInstruction each;
    each.instruction = next;
    each.start = start;
    each.work = seconds(next);
    each.end = rank.program_end = start + each.work;
    rank.work += each.work;
    rank.instructions.push_back(each);
    for (const Half* half : {&next.first, next.overlapped ? &*next.overlapped : &next.first})
      if (half->kind != Kind::weight) {
        const Chunk& chunk = program.chunks[half->phase];
        done_[{half->kind != Kind::forward, chunk.direction, chunk.stage, half->microbatch}] = each.end;
      }
    return true;
  }

  const Plan& plan_;
  Replayed replayed_;
  std::map<Key, double> done_;
};

inline Forecast unit_forecast(const Plan& plan) {
  Forecast forecast;
  forecast.replayed = UnitReplay(plan).run();
  forecast.step_seconds = forecast.replayed.step_seconds;
  forecast.tokens_per_step = static_cast<double>(plan.job.batch.sequences) * plan.job.batch.length;
  forecast.tokens_per_second = forecast.tokens_per_step / forecast.step_seconds;
  forecast.bubble = forecast.replayed.bubble();
  return forecast;
}

}  // namespace dsrun::test
