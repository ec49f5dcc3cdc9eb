#include "cluster/memory/memory_timeline.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cluster/memory/stored.hpp"
#include "runtime/schedule/enum_table.hpp"

namespace dsrun {
namespace {

using Class = ActivationClass;

struct MemoryChange {
  Class of;
  std::int64_t bytes;
};

// A list's changes, step after step: what it does to memory depends on nothing else.
struct ListChanges {
  std::vector<MemoryChange> changes;
  std::vector<std::size_t> ends;  // by step: one past its last change
};

// What a run of changes does to memory, whatever there was before.
struct Effect {
  ActivationBytes net{}, most{};
  std::int64_t net_total = 0, most_total = 0;

  void add(const MemoryChange& change) {
    const auto c = static_cast<std::size_t>(change.of);
    net[c] += change.bytes;
    net_total += change.bytes;
    most[c] = std::max(most[c], net[c]);
    most_total = std::max(most_total, net_total);
  }
  void add_step(const ListChanges& list, std::size_t step) {
    for (std::size_t i = step == 0 ? 0 : list.ends[step - 1]; i < list.ends[step]; ++i) add(list.changes[i]);
  }
  void add_all(const ListChanges& list) {
    for (const MemoryChange& change : list.changes) add(change);
  }
};

// One microbatch's frame on a stage, played once through each sequence of lists.
class LiveBytes {
 public:
  LiveBytes(const Plan& plan, const StageSteps& stage) : stage_(stage), live_(stage.values.size(), false) {
    const std::vector<bool> saved = saved_values(stage);
    const std::vector<double> element = saved_element_bytes(plan, stage);
    const std::int64_t rows[] = {plan.tokens_per_microbatch(), planned_rows(plan)};
    for (std::size_t id = 0; id < stage.values.size(); ++id) {
      const Value& value = stage.values[id];
      const Class of = value.rows == Rows::routed ? Class::routed : saved[id] ? Class::saved : Class::working;
      const auto elements = static_cast<double>(rows[static_cast<std::size_t>(value.rows)] * value.cols);
      held_.push_back({of, rounded_bytes(static_cast<std::int64_t>(std::ceil(elements * element[id])))});
    }
  }

  // `ends`: nothing stays.
  ListChanges play(const StepList& list, const Ports& ports, bool ends) {
    ListChanges all;
    for (std::size_t s = 0; s < list.size(); ++s) {
      if (s == 0)
        for (const ValueId id : ports.arrive) hold(id, all);
      for (const ValueId id : list[s].allocates) hold(id, all);
      for (const TakeOver& move : list[s].takes_over) {
        drop(move.from, all);
        hold(move.to, all);
      }
      for (const ValueId id : list[s].releases) drop(id, all);
      if (s + 1 == list.size()) {
        for (const Departure& port : ports.leave)
          if (!port.stays) drop(port.value, all);
        if (ends)
          for (ValueId id = 0; id < static_cast<ValueId>(live_.size()); ++id) drop(id, all);
      }
      all.ends.push_back(all.changes.size());
    }
    return all;
  }

 private:
  void hold(ValueId id, ListChanges& all) {
    if (id == no_value) return;
    live_[static_cast<std::size_t>(id)] = true;
    all.changes.push_back(held_[static_cast<std::size_t>(id)]);
  }
  void drop(ValueId id, ListChanges& all) {
    if (id == no_value || !live_[static_cast<std::size_t>(id)]) return;
    live_[static_cast<std::size_t>(id)] = false;
    const MemoryChange& held = held_[static_cast<std::size_t>(id)];
    all.changes.push_back({held.of, -held.bytes});
  }

  const StageSteps& stage_;
  std::vector<MemoryChange> held_;  // by value
  std::vector<bool> live_;
};

class StageChanges {
 public:
  StageChanges(const Plan& plan, const StageSteps& stage) : stage_(stage) {
    LiveBytes whole(plan, stage);
    forward_ = whole.play(stage.forward, stage.forward_ports, false);
    LiveBytes split = whole;
    backward_ = whole.play(stage.backward, stage.backward_ports, true);
    backward_input_ = split.play(stage.backward_input, stage.backward_input_ports, false);
    weight_ = split.play(stage.backward_weight, {}, true);
  }

  const ListChanges& of(Kind kind) const {
    return kind == Kind::forward          ? forward_
           : kind == Kind::backward       ? backward_
           : kind == Kind::backward_input ? backward_input_
                                          : weight_;
  }
  const StepList& steps_of(Kind kind) const {
    return kind == Kind::forward          ? stage_.forward
           : kind == Kind::backward       ? stage_.backward
           : kind == Kind::backward_input ? stage_.backward_input
                                          : stage_.backward_weight;
  }

 private:
  const StageSteps& stage_;
  ListChanges forward_, backward_, backward_input_, weight_;
};

// Effects of instructions by (kind, stage) of their halves: there are few, and a Program repeats them.
class Effects {
 public:
  explicit Effects(const Plan& plan) : overlaps_(plan.job.parallel.overlap) {
    for (const StageSteps& stage : plan.stages) stages_.emplace_back(plan, stage);
  }

  const Effect& of(const RankProgram& rank, const Instruction& instruction) {
    const auto place = [&](const Half& half) {
      return std::pair(half.kind, rank.chunks[static_cast<std::size_t>(half.phase)].stage);
    };
    const auto first = place(instruction.first);
    const auto second = instruction.overlapped ? place(*instruction.overlapped) : std::pair(Kind::forward, -1);
    const auto [found, is_new] = known_.try_emplace({first, second});
    if (is_new) found->second = make(first, second);
    return found->second;
  }

 private:
  using PlaceOfHalf = std::pair<Kind, int>;  // and its stage

  Effect make(const PlaceOfHalf& first, const PlaceOfHalf& second) const {
    Effect effect;
    const StageChanges& a = stages_[static_cast<std::size_t>(first.second)];
    if (second.second < 0) {
      effect.add_all(a.of(first.first));
      return effect;
    }
    const StageChanges& b = stages_[static_cast<std::size_t>(second.second)];
    if (!overlaps_) {
      effect.add_all(a.of(first.first));
      effect.add_all(b.of(second.first));
      return effect;
    }
    const ListChanges* lists[2] = {&a.of(first.first), &b.of(second.first)};
    std::size_t next[2] = {0, 0};
    for (const std::uint8_t turn : interleave(a.steps_of(first.first), b.steps_of(second.first)))
      effect.add_step(*lists[turn], next[turn]++);
    return effect;
  }

  bool overlaps_;
  std::vector<StageChanges> stages_;
  std::map<std::pair<PlaceOfHalf, PlaceOfHalf>, Effect> known_;
};

MemoryTimeline play(const RankProgram& rank, Effects& effects) {
  MemoryTimeline timeline;
  ActivationBytes live{};
  std::int64_t total = 0;
  for (const Instruction& instruction : rank.instructions) {
    const Effect& effect = effects.of(rank, instruction);
    MemoryPoint point;
    point.peak_total = total + effect.most_total;
    for (std::size_t c = 0; c < num_activation_classes; ++c) {
      point.peak[c] = live[c] + effect.most[c];
      live[c] += effect.net[c];
    }
    point.live = live;
    total += effect.net_total;
    timeline.points.push_back(point);
    if (point.peak_total > timeline.peak_total()) timeline.peak_at = timeline.points.size() - 1;
  }
  return timeline;
}

}  // namespace

ActivationBytes MemoryTimeline::peak() const {
  ActivationBytes peak{};
  for (const MemoryPoint& point : points)
    for (std::size_t c = 0; c < num_activation_classes; ++c) peak[c] = std::max(peak[c], point.peak[c]);
  return peak;
}

std::vector<MemoryTimeline> play_memory(const Plan& plan) {
  Effects effects(plan);
  std::vector<MemoryTimeline> timelines;
  for (const RankProgram& rank : plan.program.ranks) timelines.push_back(play(rank, effects));
  return timelines;
}

std::int64_t planned_rows(const Plan& plan) {
  const double mean = static_cast<double>(plan.tokens_per_microbatch()) * plan.job.model.experts_per_token;
  return static_cast<std::int64_t>(std::ceil(mean * plan.job.balance.load_factor));
}

std::int64_t rounded_bytes(std::int64_t bytes) { return (std::max<std::int64_t>(bytes, 1) + 63) / 64 * 64; }

constexpr EnumTable<ActivationClass, const char*, num_activation_classes> activation_names(
    {{ActivationClass::saved, "saved"}, {ActivationClass::working, "working"}, {ActivationClass::routed, "routed"}});

std::string to_string(const MemoryTimeline& timeline, const RankProgram& program) {
  std::string text;
  for (std::size_t i = 0; i < timeline.points.size(); ++i) {
    const MemoryPoint& point = timeline.points[i];
    text += fmt::format("{:<12}", to_string(program.instructions[i]));
    for (const auto& [of, name] : activation_names.rows())
      text += fmt::format(" {} {}", name, point.live[static_cast<std::size_t>(of)]);
    text += fmt::format(" peak {}{}\n", point.peak_total, i == timeline.peak_at ? " (highest)" : "");
  }
  return text;
}

nlohmann::json to_json(const MemoryTimeline& timeline) {
  nlohmann::json json = {{"peak_at", timeline.peak_at}};
  for (const MemoryPoint& point : timeline.points) {
    for (const auto& [of, name] : activation_names.rows())
      json[name].push_back(point.live[static_cast<std::size_t>(of)]);
    json["peak"].push_back(point.peak_total);
  }
  return json;
}

}  // namespace dsrun
