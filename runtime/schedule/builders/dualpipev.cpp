// DualPipeV: one half of DualPipe by itself. The stages lie in a V over the ranks: down in phase 0, up again in phase
// 1, so that rank 0 has both the input and the loss, and the last rank hands over to itself. Half the devices, no
// replicas, the same bubble. Source: Qi et al., the "cut-in-half" of DualPipe; dualpipe_rank.hpp.
#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/builders/dualpipe_rank.hpp"

namespace dsrun {

std::optional<std::string> dualpipev_fault(const ScheduleShape& shape) {
  if (shape.num_microbatches >= 2 * shape.num_ranks) return std::nullopt;
  return "dualpipev on " + std::to_string(shape.num_ranks) + " pipeline ranks needs at least " +
         std::to_string(2 * shape.num_ranks) + " microbatches, not " + std::to_string(shape.num_microbatches);
}

Program dualpipev(const ScheduleShape& shape) {
  const int num_stages = 2 * shape.num_ranks;
  return program_of("dualpipev", num_stages, 1, shape, [&](int rank) {
    return dualpipe_rank({{.stage = rank, .direction = 0}, {.stage = num_stages - 1 - rank, .direction = 0}}, rank,
                         shape.num_ranks, shape.num_microbatches);
  });
}

LiveBound dualpipev_bound(const ScheduleShape& shape, int rank) {
  return {dualpipe_live_forwards(shape.num_ranks), dualpipe_deferred(rank)};
}

}  // namespace dsrun
