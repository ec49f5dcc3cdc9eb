// GPipe: all forwards, then all backwards, so that a rank holds every microbatch at once: the simplest schedule, and
// the one that the others' memory is compared with. Source: Huang et al., arXiv:1811.06965.
#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/builders/rank_builder.hpp"

namespace dsrun {

Program gpipe(const ScheduleShape& shape) {
  return program_of("gpipe", shape.num_ranks, 1, shape, [&](int rank) {
    RankBuilder builder({{.stage = rank, .direction = 0}});
    for (int i = 0; i < shape.num_microbatches; ++i) builder.forward(0);
    for (int i = 0; i < shape.num_microbatches; ++i) builder.backward(0);
    return builder.take();
  });
}

LiveBound gpipe_bound(const ScheduleShape& shape, int /*rank*/) { return {shape.num_microbatches, 0}; }

}  // namespace dsrun
