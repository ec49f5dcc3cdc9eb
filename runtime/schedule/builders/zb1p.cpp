// ZB1P: 1F1B with each backward split. Input gradients go on at once, since the rank before waits for them; weight
// gradients wait until the rank would else be idle. Rank r holds r of them back, so that it has P microbatches live or
// deferred, as 1F1B's first rank has. Source: ZB-H1 of Qi et al., "Zero Bubble Pipeline Parallelism", arXiv:2401.10241.
#include <algorithm>

#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/builders/rank_builder.hpp"

namespace dsrun {
namespace {

class Zb1pRank {
 public:
  Zb1pRank(int rank, const ScheduleShape& shape)
      : num_microbatches_(shape.num_microbatches),
        num_warmup_(std::min(shape.num_ranks - 1 - rank, shape.num_microbatches)),
        most_deferred_(rank),
        builder_({{.stage = rank, .direction = 0}}) {}

  RankProgram build() {
    for (int i = 0; i < num_warmup_; ++i) builder_.forward(0);
    for (int i = num_warmup_; i < num_microbatches_; ++i) {
      builder_.forward(0);
      backward();
    }
    // The rank after this one answers only every other slot now: a weight gradient fills the one between.
    for (int i = 0; i < num_warmup_; ++i) backward();
    for (; num_deferred_ > 0; --num_deferred_) builder_.weight();
    return builder_.take();
  }

 private:
  void backward() {
    builder_.backward_input(0);
    if (++num_deferred_ <= most_deferred_) return;
    builder_.weight();
    --num_deferred_;
  }

  int num_microbatches_;
  int num_warmup_;
  int most_deferred_;
  int num_deferred_ = 0;
  RankBuilder builder_;
};

}  // namespace

Program zb1p(const ScheduleShape& shape) {
  return program_of("zb1p", shape.num_ranks, 1, shape, [&](int rank) { return Zb1pRank(rank, shape).build(); });
}

// Of the deferred, one is new: its weight gradient, or the oldest one's, comes next.
LiveBound zb1p_bound(const ScheduleShape& shape, int rank) {
  return {std::min(shape.num_ranks - rank, shape.num_microbatches), std::min(rank + 1, shape.num_microbatches)};
}

}  // namespace dsrun
