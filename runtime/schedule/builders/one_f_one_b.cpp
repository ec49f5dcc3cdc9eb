// 1F1B: after a warm-up of one forward per later stage, each rank alternates one forward and one backward, so that it
// holds at most P - rank microbatches, whatever M is. Source: PipeDream-Flush, Narayanan et al., arXiv:2104.04473.
#include <algorithm>

#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/builders/rank_builder.hpp"

namespace dsrun {
namespace {

RankProgram build_rank(int rank, int num_ranks, int num_microbatches) {
  RankBuilder builder({{.stage = rank, .direction = 0}});
  const int num_warmup = std::min(num_ranks - 1 - rank, num_microbatches);
  for (int i = 0; i < num_warmup; ++i) builder.forward(0);
  for (int i = num_warmup; i < num_microbatches; ++i) {
    builder.forward(0);
    builder.backward(0);
  }
  for (int i = 0; i < num_warmup; ++i) builder.backward(0);
  return builder.take();
}

}  // namespace

Program one_f_one_b(const ScheduleShape& shape) {
  return program_of("1f1b", shape.num_ranks, 1, shape,
                    [&](int rank) { return build_rank(rank, shape.num_ranks, shape.num_microbatches); });
}

LiveBound one_f_one_b_bound(const ScheduleShape& shape, int rank) {
  return {std::min(shape.num_ranks - rank, shape.num_microbatches), 0};
}

}  // namespace dsrun
