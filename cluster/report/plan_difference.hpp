// What another job would come to: the keys that differ, and every figure of the two plans, before and after.
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
  int better = 0;  // 1: more of it is better, -1: less
  double before = 0, after = 0;
  bool changed() const;  // by more than three figures would show
};

// A key of the job file; null where it is not there, as those of a node that one job lacks.
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

// The values that differ of two objects as to_json(Job) writes them; an array of values is one value.
std::vector<KeyChange> changed_keys(const nlohmann::json& before, const nlohmann::json& after);

std::string to_string(const PlanDifference& difference, bool colour = false);  // lines with + ~ -
nlohmann::json to_json(const PlanDifference& difference);

}  // namespace dsrun
