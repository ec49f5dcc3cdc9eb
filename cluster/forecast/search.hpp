// Search: tries the valid meshes × schedules × microbatches × recomputation of a job on its devices. It ranks those
// that fit into memory by the speed that their replay forecasts.
//
// Two bounds save replays. Weights, gradients and optimizer state alone may already exceed the memory. And a step takes
// no less than the work of its busiest rank: a candidate whose bound is slower than the best ones found is not
// replayed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cluster/forecast/forecast.hpp"
#include "cluster/memory/memory_plan.hpp"

namespace dsrun {

struct SearchOptions {
  std::size_t keep = 10;      // how many of the fastest to keep
  std::int64_t capacity = 0;  // bytes of a device; 0: no limit
  std::function<DeviceMemoryModel(const Plan&)> scratch{};
};

struct Candidate {
  Job job;
  std::int64_t peak = 0;  // bytes of the fullest rank
  double step_seconds = 0;
  double tokens_per_second = 0;
  double bubble = 0;
};
// The keys that a candidate sets in the job, as --set options.
std::vector<std::string> overrides_of(const Candidate& candidate);

struct SearchResult {
  std::vector<Candidate> fastest;  // the fastest first
  int num_valid = 0;
  int num_too_large = 0;
  int num_bounded = 0;  // not replayed, since slower by the bound
  int num_replayed = 0;
};

SearchResult search_plans(const Job& job, const DeviceModel& model, const SearchOptions& options = {});

// All valid jobs that the search tries.
std::vector<Job> search_space(const Job& job);

}  // namespace dsrun
