// PlanSummary: the main figures of a plan; plans are compared by these (plan_difference.hpp).
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "cluster/forecast/devices/device_model.hpp"
#include "cluster/forecast/forecast.hpp"
#include "cluster/memory/memory_plan.hpp"
#include "cluster/plan.hpp"

namespace dsrun {

struct PlanSummary {
  nlohmann::json job;  // to_json(Job): every key with its value
  std::string device;  // the model's name
  int ranks = 0, nodes = 0;
  std::int64_t parameters = 0;
  RankMemory memory;  // for each class, the most that a rank holds
  double step_seconds = 0;
  double bubble = 0;  // share
  double tokens_per_second = 0;
  double mfu = 0;              // model FLOPs over the device model's peak in the compute type
  PortTraffic local, network;  // bytes a step within hosts and between them, all ranks together

  std::string name() const { return job.at("job").at("name").get<std::string>(); }
};

PlanSummary summarise_plan(const Plan& plan, const Forecast& forecast, const MemoryPlan& memory,
                           const DeviceModel& model);

// For each class, the most that one of the ranks holds.
RankMemory largest_memory(const MemoryPlan& memory);

}  // namespace dsrun
