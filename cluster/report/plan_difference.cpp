#include "cluster/report/plan_difference.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

namespace dsrun {
namespace {

using nlohmann::json;

struct FigureRow {
  std::string_view name;
  std::string_view label;
  FigureUnit unit;
  int better;
  double (*value)(const PlanSummary& plan);
};

template <std::int64_t RankMemory::*bytes>
double memory_of(const PlanSummary& plan) {
  return static_cast<double>(plan.memory.*bytes);
}
template <PortTraffic PlanSummary::*link, double PortTraffic::*bytes>
double sent_of(const PlanSummary& plan) {
  return plan.*link.*bytes;
}

constexpr auto number = FigureUnit::number;
constexpr auto bytes = FigureUnit::bytes;
constexpr std::array rows = {
    FigureRow{"ranks", "ranks", number, 0, [](const PlanSummary& plan) { return static_cast<double>(plan.ranks); }},
    FigureRow{"nodes", "nodes", number, 0, [](const PlanSummary& plan) { return static_cast<double>(plan.nodes); }},
    FigureRow{"parameters", "parameters", number, 0,
              [](const PlanSummary& plan) { return static_cast<double>(plan.parameters); }},
    FigureRow{"step_seconds", "step", FigureUnit::seconds, -1,
              [](const PlanSummary& plan) { return plan.step_seconds; }},
    FigureRow{"bubble", "idle", FigureUnit::share, -1, [](const PlanSummary& plan) { return plan.bubble; }},
    FigureRow{"tokens_per_second", "tokens/s", number, 1,
              [](const PlanSummary& plan) { return plan.tokens_per_second; }},
    FigureRow{"mfu", "MFU", FigureUnit::share, 1, [](const PlanSummary& plan) { return plan.mfu; }},
    FigureRow{"peak_bytes", "a rank's memory", bytes, -1, memory_of<&RankMemory::peak>},
    FigureRow{"weights_bytes", "weights", bytes, -1, memory_of<&RankMemory::weights>},
    FigureRow{"gradients_bytes", "gradients", bytes, -1, memory_of<&RankMemory::gradients>},
    FigureRow{"optimizer_bytes", "optimizer", bytes, -1, memory_of<&RankMemory::optimizer>},
    FigureRow{"saved_bytes", "saved", bytes, -1, memory_of<&RankMemory::saved>},
    FigureRow{"routed_bytes", "routed rows", bytes, -1, memory_of<&RankMemory::routed>},
    FigureRow{"working_bytes", "other activations", bytes, -1, memory_of<&RankMemory::working>},
    FigureRow{"messages_bytes", "messages", bytes, -1, memory_of<&RankMemory::messages>},
    FigureRow{"scratch_bytes", "scratch", bytes, -1, memory_of<&RankMemory::scratch>},
    FigureRow{"local_pipeline_bytes", "sent in hosts: pipeline", bytes, -1,
              sent_of<&PlanSummary::local, &PortTraffic::pipeline>},
    FigureRow{"local_expert_bytes", "sent in hosts: experts", bytes, -1,
              sent_of<&PlanSummary::local, &PortTraffic::expert>},
    FigureRow{"local_synchronisation_bytes", "sent in hosts: step's end", bytes, -1,
              sent_of<&PlanSummary::local, &PortTraffic::synchronisation>},
    FigureRow{"network_pipeline_bytes", "between hosts: pipeline", bytes, -1,
              sent_of<&PlanSummary::network, &PortTraffic::pipeline>},
    FigureRow{"network_expert_bytes", "between hosts: experts", bytes, -1,
              sent_of<&PlanSummary::network, &PortTraffic::expert>},
    FigureRow{"network_synchronisation_bytes", "between hosts: step's end", bytes, -1,
              sent_of<&PlanSummary::network, &PortTraffic::synchronisation>},
};

bool is_container(const json& value) {
  return value.is_object() || (value.is_array() && std::any_of(value.begin(), value.end(),
                                                               [](const json& each) { return each.is_object(); }));
}

json member_of(const json& owner, const std::string& key) {
  if (owner.is_object()) return owner.value(key, json());
  const std::size_t index = owner.is_array() ? std::stoul(key) : 0;
  return owner.is_array() && index < owner.size() ? owner[index] : json();
}

void add_changes(std::vector<KeyChange>& changes, const std::string& path, const json& before, const json& after) {
  if (before == after) return;
  if (!is_container(before) && !is_container(after)) return changes.push_back({path, before, after});
  std::vector<std::string> keys;  // of both, those of the longer array among them
  for (const json* each : {&before, &after})
    if (is_container(*each))
      for (const auto& [key, value] : each->items())
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  for (const std::string& key : keys)
    add_changes(changes, path.empty() ? key : path + "." + key, member_of(before, key), member_of(after, key));
}

}  // namespace

std::vector<KeyChange> changed_keys(const json& before, const json& after) {
  std::vector<KeyChange> changes;
  add_changes(changes, "", before, after);
  return changes;
}

bool PlanFigure::changed() const {
  return std::abs(after - before) > 5e-4 * std::max(std::abs(before), std::abs(after));
}

PlanDifference compare_plans(const PlanSummary& before, const PlanSummary& after) {
  PlanDifference difference{before.name(), after.name(), changed_keys(before.job, after.job), {}};
  for (const FigureRow& row : rows)
    difference.figures.push_back({row.name, row.label, row.unit, row.better, row.value(before), row.value(after)});
  return difference;
}

bool PlanDifference::none() const {
  return keys.empty() &&
         std::none_of(figures.begin(), figures.end(), [](const PlanFigure& figure) { return figure.changed(); });
}

json to_json(const PlanDifference& difference) {
  json out = {{"version", 1},
              {"before", difference.before},
              {"after", difference.after},
              {"keys", json::array()},
              {"figures", json::array()}};
  for (const KeyChange& key : difference.keys)
    out["keys"].push_back(
        {{"key", key.path}, {"change", std::string(1, key.mark())}, {"before", key.before}, {"after", key.after}});
  for (const PlanFigure& figure : difference.figures) {
    json entry = {{"name", figure.name}, {"before", figure.before}, {"after", figure.after}};
    entry["relative"] = figure.before == 0 ? json() : json(figure.after / figure.before - 1);
    out["figures"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace dsrun
