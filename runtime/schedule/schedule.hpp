// The table of schedules. A new schedule is one builder file, one row here, one golden line in tests/schedule.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/schedule/program.hpp"

namespace dsrun {

struct ScheduleRow {
  std::string_view name;  // as the job file says it
  std::string_view help;
  int chunks_per_rank;  // stage chunks a rank holds
  int num_directions;
  std::string_view bubble_formula;  // for people
  // Why (P pipeline ranks, M microbatches) cannot be scheduled, or nullopt. Asked by validator, planner and executor.
  std::optional<std::string> (*fault)(int num_ranks, int num_microbatches);
  Program (*build)(int num_ranks, int num_microbatches);  // precondition: no fault
};

std::span<const ScheduleRow> schedules();
const ScheduleRow* find_schedule(std::string_view name);

// The forward-only Program on the placement of `trained`, with `num_microbatches` per direction; for validation.
Program forward_only(const Program& trained, int microbatches_per_direction);

}  // namespace dsrun
