// DualPipe: microbatches enter at both ends of the pipeline, so that every rank holds two stages and can interleave the
// forward of one direction with the backward of the other; each hides the other's communication. Every stage is on two
// ranks. Source: dualpipe_rank.hpp.
#include <algorithm>

#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/builders/dualpipe_rank.hpp"

namespace dsrun {
namespace {

// The distance from this half's end of the pipeline.
int depth_of(int rank, int num_ranks) { return std::min(rank, num_ranks - 1 - rank); }

// Phase 0 is stage `depth` of the direction that enters at this half's end, phase 1 the mirror stage of the other.
std::vector<Chunk> chunks(int rank, int num_ranks) {
  const Chunk downwards{.stage = rank, .direction = 0};
  const Chunk upwards{.stage = num_ranks - 1 - rank, .direction = 1};
  if (rank < num_ranks / 2) return {downwards, upwards};
  return {upwards, downwards};
}

}  // namespace

std::optional<std::string> dualpipe_fault(const ScheduleShape& shape) {
  if (shape.num_ranks % 2 != 0) {
    return "dualpipe needs an even number of pipeline ranks, at least 2, not " + std::to_string(shape.num_ranks);
  }
  if (shape.num_microbatches < 2 * shape.num_ranks || shape.num_microbatches % 2 != 0) {
    return "dualpipe on " + std::to_string(shape.num_ranks) +
           " pipeline ranks needs an even number of microbatches, at least " + std::to_string(2 * shape.num_ranks) +
           ", not " + std::to_string(shape.num_microbatches);
  }
  return std::nullopt;
}

Program dualpipe(const ScheduleShape& shape) {
  return program_of("dualpipe", shape.num_ranks, 2, shape, [&](int rank) {
    return dualpipe_rank(chunks(rank, shape.num_ranks), depth_of(rank, shape.num_ranks), shape.num_ranks / 2,
                         shape.num_microbatches / 2);
  });
}

LiveBound dualpipe_bound(const ScheduleShape& shape, int rank) {
  return {dualpipe_live_forwards(shape.num_ranks / 2), dualpipe_deferred(depth_of(rank, shape.num_ranks))};
}

}  // namespace dsrun
