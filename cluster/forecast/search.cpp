#include "cluster/forecast/search.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster/forecast/advice.hpp"
#include "cluster/forecast/step_costs.hpp"
#include "dsl/validate.hpp"
#include "runtime/schedule/schedule.hpp"

namespace dsrun {
namespace {

std::vector<int> divisors(int number) {
  std::vector<int> all;
  for (int d = 1; d <= number; ++d)
    if (number % d == 0) all.push_back(d);
  return all;
}

std::vector<RecomputeSpec> recompute_policies() {
  RecomputeSpec some, full;
  some.rms_norm = some.mla_up = some.swiglu = true;
  full.full = true;
  return {{}, some, full};
}

// Microbatches worth trying: the job's own, the fewest that the schedule allows, the most that there are sequences for
// (but no more than fill the pipeline well), and the middle between.
std::set<int> microbatches_to_try(const Job& job, const ScheduleRow& row) {
  const int sequences = job.batch.sequences / job.parallel.data;
  const int enough = 8 * job.parallel.pipeline;
  std::vector<int> possible;
  for (const int m : divisors(sequences)) {
    const ScheduleShape shape{job.parallel.pipeline, m, job.parallel.stages_per_rank};
    if ((m <= enough || possible.empty()) && !row.fault(shape)) possible.push_back(m);
  }
  std::set<int> tried;
  if (possible.empty()) return tried;
  tried.insert({possible.front(), possible[possible.size() / 2], possible.back()});
  if (std::find(possible.begin(), possible.end(), job.batch.microbatches) != possible.end())
    tried.insert(job.batch.microbatches);
  return tried;
}

// The work of all ranks of a data replica over the ranks it is shared by: no schedule takes less.
double least_step_seconds(const Plan& plan, const DeviceModel& model) {
  const StepCosts costs(plan, model);
  double work = 0;
  for (int stage = 0; stage < plan.program.num_stages; ++stage) {
    const CostedStage costed = costs.stage(stage, 0, false);
    for (const CostedList* list : {&costed.forward, &costed.backward})
      for (const CostedStep& step : *list) work += step.seconds;
  }
  return work * plan.job.batch.microbatches / plan.mesh.pipeline;
}

class Search {
 public:
  Search(const DeviceModel& model, const SearchOptions& options) : model_(model), options_(options) {}

  SearchResult run(const std::vector<Job>& jobs) {
    result_.num_valid = static_cast<int>(jobs.size());
    // Cheapest bounds first, so that good candidates come early and bound the rest.
    for (const Job& job : jobs) add_pending(job);
    std::stable_sort(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) { return a.bound < b.bound; });
    for (const Pending& each : pending_) consider(each);
    return std::move(result_);
  }

 private:
  struct Pending {
    const Job* job;
    double bound;
    std::int64_t peak;
  };

  void add_pending(const Job& job) {
    const Plan plan = make_plan(job);
    const std::int64_t peak =
        largest_peak(plan_memory(plan, options_.scratch ? options_.scratch(plan) : DeviceMemoryModel{}));
    if (options_.capacity > 0 && peak > options_.capacity) {
      ++result_.num_too_large;
      return;
    }
    pending_.push_back({&job, least_step_seconds(plan, model_), peak});
  }

  void consider(const Pending& each) {
    std::vector<Candidate>& best = result_.fastest;
    if (best.size() == options_.keep && each.bound > best.back().step_seconds) {
      ++result_.num_bounded;
      return;
    }
    const Plan plan = make_plan(*each.job);
    const Replayed replayed = replay_step(plan, model_);
    ++result_.num_replayed;
    const double tokens = static_cast<double>(each.job->batch.sequences) * each.job->batch.length;
    Candidate candidate{plan.job, each.peak, replayed.step_seconds, tokens / replayed.step_seconds, replayed.bubble()};
    const auto slower = [](const Candidate& a, const Candidate& b) { return a.step_seconds < b.step_seconds; };
    best.insert(std::upper_bound(best.begin(), best.end(), candidate, slower), candidate);
    if (best.size() > options_.keep) best.pop_back();
  }

  const DeviceModel& model_;
  const SearchOptions& options_;
  std::vector<Pending> pending_;
  SearchResult result_;
};

}  // namespace

std::vector<Job> search_space(const Job& job) {
  std::vector<Job> all;
  const auto add_schedules = [&](Job meshed) {
    for (const ScheduleRow& row : schedules()) {
      Job scheduled = meshed;
      scheduled.parallel.schedule = row.name;
      for (const int microbatches : microbatches_to_try(scheduled, row)) {
        scheduled.batch.microbatches = microbatches;
        if (!is_valid(scheduled)) continue;
        for (const RecomputeSpec& policy : recompute_policies()) {
          scheduled.memory.recompute = policy;
          all.push_back(scheduled);
        }
      }
    }
  };
  for (const int pipeline : divisors(job.world_size())) {
    Job meshed = job;
    ParallelSpec& parallel = meshed.parallel;
    parallel.pipeline = pipeline;
    parallel.data = job.world_size() / pipeline;
    parallel.layers_per_stage.clear();
    parallel.stages_per_rank = 0;
    parallel.schedule_file.clear();
    parallel.schedule_text.clear();
    if (job.batch.sequences % parallel.data != 0) continue;
    for (const int expert : divisors(parallel.data)) {
      parallel.expert = expert;
      if (job.model.moe_layers() == 0 && expert > 1) break;
      add_schedules(meshed);
    }
  }
  return all;
}

std::vector<std::string> overrides_of(const Candidate& candidate) {
  const Job& job = candidate.job;
  std::vector<std::string> names;
  const RecomputeSpec& policy = job.memory.recompute;
  if (policy.rms_norm) names.emplace_back("\"rms_norm\"");
  if (policy.mla_up) names.emplace_back("\"mla_up\"");
  if (policy.swiglu) names.emplace_back("\"swiglu\"");
  return {fmt::format("parallel.pipeline={}", job.parallel.pipeline),
          fmt::format("parallel.data={}", job.parallel.data),
          fmt::format("parallel.expert={}", job.parallel.expert),
          fmt::format("parallel.schedule={}", job.parallel.schedule),
          fmt::format("batch.microbatches={}", job.batch.microbatches),
          policy.full ? std::string("memory.recompute=full")
                      : fmt::format("memory.recompute=[{}]", fmt::join(names, ", "))};
}

SearchResult search_plans(const Job& job, const DeviceModel& model, const SearchOptions& options) {
  const std::vector<Job> jobs = search_space(job);
  return Search(model, options).run(jobs);
}

}  // namespace dsrun
