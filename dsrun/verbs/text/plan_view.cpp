#include "dsrun/verbs/text/plan_view.hpp"

#include "dsl/device_kind.hpp"
#include "dsrun/run/device_models.hpp"
#include "dsrun/run/run_preflight.hpp"
#include "runtime/backend/backend.hpp"
#include "runtime/device/scratch.hpp"

namespace dsrun {

DeviceMemoryModel scratch_of(const Plan& plan) {
  return find_backend(device_kind(plan.job.cluster)) ? device_memory(plan) : DeviceMemoryModel{};
}

PlanView view_plan(const Job& described, const std::string& device_model) {
  Job job = described;
  std::vector<std::string> notes;
  const Backend* backend = find_backend(device_kind(job.cluster));
  if (backend && !backend->computes_in(job.precision.compute)) {
    job.precision.compute = Precision::fp32;
    notes.emplace_back("this processor has no bf16 instructions: both a run here and this plan compute in fp32");
  }
  Plan plan = make_plan(job);
  DeviceModel model = model_for(job, device_model, notes);
  auto capacity = static_cast<std::int64_t>(model.memory_bytes);
  if (on_cpu(job.cluster) && capacity == 0) capacity = available_memory_bytes() / job.cluster.nodes[0].devices;
  MemoryPlan memory = plan_memory(plan, scratch_of(plan));
  Forecast forecast = forecast_step(plan, model);
  return {std::move(plan), std::move(model), std::move(memory), std::move(forecast), capacity, std::move(notes)};
}

RunCost cost_of_run(const PlanView& view, double tokens, double price_per_device_hour) {
  const double own = static_cast<double>(view.plan.job.run.steps) * view.forecast.tokens_per_step;
  return run_cost(view.plan, view.forecast, tokens > 0 ? tokens : own, price_per_device_hour);
}

}  // namespace dsrun
