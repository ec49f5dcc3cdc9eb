// What each schedule's file offers to the table in schedule.cpp; everybody else asks the table. Preconditions there.
#pragma once

#include <optional>
#include <string>

#include "runtime/schedule/schedule.hpp"

namespace dsrun {

Program gpipe(const ScheduleShape& shape);
LiveBound gpipe_bound(const ScheduleShape& shape, int rank);

Program one_f_one_b(const ScheduleShape& shape);
LiveBound one_f_one_b_bound(const ScheduleShape& shape, int rank);

std::optional<std::string> interleaved_fault(const ScheduleShape& shape);
Program interleaved(const ScheduleShape& shape);
LiveBound interleaved_bound(const ScheduleShape& shape, int rank);

Program zb1p(const ScheduleShape& shape);
LiveBound zb1p_bound(const ScheduleShape& shape, int rank);

std::optional<std::string> dualpipe_fault(const ScheduleShape& shape);
Program dualpipe(const ScheduleShape& shape);
LiveBound dualpipe_bound(const ScheduleShape& shape, int rank);

std::optional<std::string> dualpipev_fault(const ScheduleShape& shape);
Program dualpipev(const ScheduleShape& shape);
LiveBound dualpipev_bound(const ScheduleShape& shape, int rank);

// A Program whose ranks build_rank(rank) makes.
template <class BuildRank>
Program program_of(std::string_view name, int num_stages, int num_directions, const ScheduleShape& shape,
                   BuildRank build_rank) {
  Program program{.schedule = std::string(name),
                  .num_stages = num_stages,
                  .num_directions = num_directions,
                  .num_microbatches = shape.num_microbatches,
                  .ranks = {}};
  for (int rank = 0; rank < shape.num_ranks; ++rank) program.ranks.push_back(build_rank(rank));
  return program;
}

}  // namespace dsrun
