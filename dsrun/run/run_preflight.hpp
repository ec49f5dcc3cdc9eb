// Checks a job against this machine and its data before the launch; `dsrun check` sees neither.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cluster/memory/memory_plan.hpp"
#include "dsrun/run/run_folder.hpp"
#include "runtime/data/loader.hpp"
#include "runtime/device/parameters/pretrained.hpp"

namespace dsrun {

struct Preflight {
  std::shared_ptr<const Plan> plan;  // of the job as it will run
  std::shared_ptr<const BatchLoader> loader;
  MemoryPlan memory;                             // planned
  std::shared_ptr<const Pretrained> pretrained;  // of model.init_from; null: random initial weights
  std::vector<std::string> notes;                // what the machine changes in the job, for a person
};

std::variant<Preflight, Refusal> check_before_launch(Job job);

}  // namespace dsrun
