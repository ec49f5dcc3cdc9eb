// The table of schedules. A new schedule is one builder file, one row here, one golden line in tests/schedule.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/schedule/checker.hpp"
#include "runtime/schedule/program.hpp"

namespace dsrun {

inline constexpr int most_stages_per_rank = 256;  // a Half's phase is a byte

// What a Program is built for: P pipeline ranks, M microbatches of a step (all directions together).
struct ScheduleShape {
  int num_ranks = 1;
  int num_microbatches = 1;
  int stages_per_rank = 0;  // 0: the schedule's own
};

// The most that a rank holds at once: microbatches of its stages that are forwarded (or being so) and whose B or I is
// not done; and, apart from these, microbatches whose I is done and whose W is not.
struct LiveBound {
  int forwards;
  int deferred;
};

struct ScheduleRow {
  std::string_view name;  // as the job file says it
  std::string_view help;
  int stages_per_rank;              // stage chunks a rank holds; its own number where a job may choose another
  bool stages_chosen;               // by the job: any number from 2
  int num_directions;               // 2: every stage has a replica on the mirror rank
  std::string_view bubble_formula;  // for people, in times of one stage
  // What this schedule asks of a shape beyond at least one rank and one microbatch; null: nothing.
  std::optional<std::string> (*own_fault)(const ScheduleShape& shape);
  // Both: the shape is without fault, its stages_per_rank filled in.
  Program (*builder)(const ScheduleShape& shape);
  LiveBound (*bound)(const ScheduleShape& shape, int rank);

  // Why a shape cannot be scheduled, or nullopt. Asked by validator, planner and executor.
  std::optional<std::string> fault(const ScheduleShape& shape) const;
  // Of these, what is wrong with the stages a rank holds.
  std::optional<std::string> stages_fault(const ScheduleShape& shape) const;
  Program build(const ScheduleShape& shape) const { return builder(filled(shape)); }  // precondition: no fault
  LiveBound live_bound(const ScheduleShape& shape, int rank) const { return bound(filled(shape), rank); }
  ScheduleShape filled(ScheduleShape shape) const;
  // The one place that says how many stages the layers are divided into.
  int num_stages(const ScheduleShape& shape) const {
    return shape.num_ranks * filled(shape).stages_per_rank / num_directions;
  }
};

std::span<const ScheduleRow> schedules();
const ScheduleRow* find_schedule(std::string_view name);

// check_program(), and that no rank holds more than the row states for this shape.
std::vector<ProgramFault> check_schedule(const ScheduleRow& row, const ScheduleShape& shape, const Program& program);

// The forward-only Program on the placement of `trained`, with `num_microbatches` per direction; for validation.
Program forward_only(const Program& trained, int microbatches_per_direction);

}  // namespace dsrun
