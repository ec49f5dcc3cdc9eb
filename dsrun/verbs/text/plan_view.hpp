// PlanView: all that `dsrun plan` knows of a job, made once and shown as text, JSON or a page.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cluster/forecast/forecast.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "cluster/report/plan_summary.hpp"

namespace dsrun {

inline constexpr int most_ranks_by_pair = 64;  // whose links are shown pair by pair

struct PlanView {
  Plan plan;
  DeviceModel model;
  MemoryPlan memory;
  Forecast forecast;
  std::int64_t capacity = 0;       // bytes of a device; 0: unknown
  std::vector<std::string> notes;  // for people

  PlanSummary summary() const { return summarise_plan(plan, forecast, memory, model); }
};

// Precondition: a valid job. `device_model`: a file of `dsrun calibrate`, or "" (dsrun/run/device_models.hpp).
PlanView view_plan(const Job& job, const std::string& device_model);

// What kernels take besides on devices of the job's kind, for plan_memory.
DeviceMemoryModel scratch_of(const Plan& plan);

// A run of this many tokens; 0: of the job's own steps.
RunCost cost_of_run(const PlanView& view, double tokens, double price_per_device_hour);

struct ReportOptions {
  double tokens = 0;  // of the run
  double price = 0;   // of a device and hour
  int columns = 80;
  bool colour = false;
};
std::string plan_report(const PlanView& view, const ReportOptions& options);
nlohmann::json plan_json(const PlanView& view, const ReportOptions& options);

// How the step's time answers to each constant of the device model, as a table.
std::string sensitivity_report(const PlanView& view);

}  // namespace dsrun
