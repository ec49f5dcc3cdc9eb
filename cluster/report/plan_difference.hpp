// Compares the plans of two jobs: the keys that differ, and every figure of the two plans, before and after.
//
// To compare another figure, add a row to plan_difference.cpp's table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cluster/report/plan_summary.hpp"

namespace dsrun {

enum class FigureUnit : std::uint8_t { number, seconds, share, bytes };

struct PlanFigure {
  std::string_view name;  // "step_seconds"
  std::string_view label;
  FigureUnit unit = FigureUnit::number;
  int better = 0;  // 1: a larger value is better, -1: a smaller one
  double before = 0, after = 0;
  bool changed() const;  // by enough to show in three digits
};

// A key of the job file and its two values. A value is null where a job lacks the key, such as a key of a node that
// only the other job has.
struct KeyChange {
  std::string path;  // "parallel.data", "cluster.node.1.devices"
  nlohmann::json before, after;
  char mark() const { return before.is_null() ? '+' : after.is_null() ? '-' : '~'; }
};

struct PlanDifference {
  std::string before, after;  // the jobs' names
  std::vector<KeyChange> keys;
  std::vector<PlanFigure> figures;  // all, changed or not
  bool none() const;
};

PlanDifference compare_plans(const PlanSummary& before, const PlanSummary& after);

// The values that differ between two objects written by to_json(Job); an array of values is one value.
std::vector<KeyChange> changed_keys(const nlohmann::json& before, const nlohmann::json& after);

std::string to_string(const PlanDifference& difference, bool colour = false);  // lines with + ~ -
nlohmann::json to_json(const PlanDifference& difference);

}  // namespace dsrun
