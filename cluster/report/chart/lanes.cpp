#include "cluster/report/chart/lanes.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

ChartSign sign_of(const Instruction& instruction) {
  constexpr EnumTable<InstructionKind, ChartSign, num_instruction_kinds> signs(
      {{InstructionKind::forward, ChartSign::forward},
       {InstructionKind::backward, ChartSign::backward},
       {InstructionKind::backward_input, ChartSign::backward_input},
       {InstructionKind::weight, ChartSign::weight},
       {InstructionKind::overlapped, ChartSign::overlapped}});
  return signs[kind_of(instruction)];
}

// Spans in order, without those of no length.
class LaneMaker {
 public:
  LaneMaker(const ReplayedRank& rank, ChartLane& lane) : rank_(rank), lane_(lane) {}

  void add_program() {
    for (std::size_t i = 0; i < rank_.instructions.size(); ++i) {
      const ReplayedInstruction& each = rank_.instructions[i];
      idle_until(each.start - each.link_before, each.idle_before);
      idle_until(each.start, Idle::link);
      add(each.end, {.sign = sign_of(each.instruction),
                     .phase = each.instruction.first.phase,
                     .instruction = static_cast<int>(i)});
    }
  }

  // Nobody updates before the last rank's gradients are summed and the coordinator has answered.
  void add_end(double update_start, double step_seconds) {
    add(rank_.reduced, {.sign = ChartSign::reduce});
    idle_until(std::min(update_start, rank_.updated), Idle::synchronisation);
    add(rank_.updated, {.sign = ChartSign::update});
    add(rank_.end, {.sign = ChartSign::gather});
    idle_until(step_seconds, Idle::synchronisation);
  }

 private:
  void idle_until(double to, Idle cause) { add(to, {.idle_cause = cause}); }
  void add(double to, ChartSpan span) {
    if (to <= now_) return;
    span.from = now_;
    span.to = now_ = to;
    lane_.spans.push_back(span);
  }

  const ReplayedRank& rank_;
  ChartLane& lane_;
  double now_ = 0;
};

}  // namespace

std::string_view sign_name(ChartSign sign) {
  constexpr EnumNames<ChartSign, num_chart_signs> names({{ChartSign::forward, "forward"},
                                                         {ChartSign::backward, "backward"},
                                                         {ChartSign::backward_input, "input gradient"},
                                                         {ChartSign::weight, "weight gradient"},
                                                         {ChartSign::overlapped, "forward & backward"},
                                                         {ChartSign::reduce, "reduce"},
                                                         {ChartSign::update, "update"},
                                                         {ChartSign::gather, "gather"},
                                                         {ChartSign::idle, "idle"}});
  return names[sign];
}

std::string ChartLane::ranks() const {
  return num_ranks == 1 ? fmt::format("{}", first_rank) : fmt::format("{}–{}", first_rank, first_rank + num_ranks - 1);
}

std::vector<ChartLane> chart_lanes(const Replayed& replayed, const Plan& plan) {
  double all_reduced = 0, all_ended = 0;
  for (const ReplayedRank& rank : replayed.ranks) {
    all_reduced = std::max(all_reduced, rank.reduced);
    all_ended = std::max(all_ended, rank.end);
  }
  // The coordinator's word takes as long before the update as after the step's last rank.
  const double update_start = all_reduced + replayed.step_seconds - all_ended;
  std::vector<ChartLane> lanes;
  for (const ReplayedRank& rank : replayed.ranks) {
    ChartLane lane;
    lane.place = lanes.size();
    lane.first_rank = rank.rank;
    lane.num_ranks = replayed.one_a_pipeline_index ? plan.mesh.data : 1;
    lane.idle_share = rank.idle_total() / replayed.step_seconds;
    LaneMaker maker(rank, lane);
    maker.add_program();
    maker.add_end(update_start, replayed.step_seconds);
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

std::string short_name(const Instruction& instruction) {
  const auto half = [](const Half& of) { return fmt::format("{}{}", static_cast<char>(of.kind), of.microbatch); };
  return half(instruction.first) + (instruction.overlapped ? "&" + half(*instruction.overlapped) : "");
}

double nice_step(double seconds, int wanted) {
  const double rough = seconds / std::max(wanted, 1);
  if (!(rough > 0)) return 1;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

}  // namespace dsrun
