// DualPipe: microbatches enter at both ends of the pipeline, so that every rank holds two stages and can interleave the
// forward of one direction with the backward of the other; each hides the other's communication. Source: DeepSeek-V3
// technical report, arXiv:2412.19437, section 3.2.1, and the DualPipe repository, whose eight steps are numbered below.
#include <algorithm>

#include "runtime/schedule/builders.hpp"
#include "runtime/schedule/rank_builder.hpp"

namespace dsrun {
namespace {

// The same steps for both halves of the pipeline: a rank's program depends only on its depth, the distance from its
// half's end. Phase 0 is stage `depth` of the direction that enters at that end, phase 1 the mirror stage of the other.
class DualPipeRank {
 public:
  DualPipeRank(int rank, int num_ranks, int microbatches_per_direction)
      : num_ranks_(num_ranks),
        microbatches_per_direction_(microbatches_per_direction),
        depth_(std::min(rank, num_ranks - 1 - rank)),
        to_middle_(num_ranks / 2 - 1 - depth_),
        builder_(chunks(rank, num_ranks)) {}

  RankProgram build() {
    fill();
    interleave();
    drain();
    return builder_.take();
  }

 private:
  static std::vector<Chunk> chunks(int rank, int num_ranks) {
    const Chunk downwards{.stage = rank, .direction = 0};
    const Chunk upwards{.stage = num_ranks - 1 - rank, .direction = 1};
    if (rank < num_ranks / 2) return {downwards, upwards};
    return {upwards, downwards};
  }

  void fill() {
    for (int i = 0; i < 2 * to_middle_; ++i) builder_.forward(0);  // step 1
    for (int i = 0; i < depth_ + 1; ++i) {                         // step 2
      builder_.forward(0);
      builder_.forward(1);
    }
    for (int i = 0; i < to_middle_; ++i) {  // step 3
      builder_.backward_input(1);
      builder_.weight();
      builder_.forward(1);
    }
  }

  void interleave() {
    const int num_pairs = microbatches_per_direction_ - num_ranks_ + depth_ + 1;
    for (int i = 0; i < num_pairs; ++i) {  // step 4
      // Apart, the middle ranks' forward reaches its next stage sooner, which shortens the bubble.
      if (i == 0 && to_middle_ == 0) {
        builder_.forward(0);
        builder_.backward(1);
      } else {
        builder_.overlapped(0, 1);
      }
      builder_.overlapped(1, 0);
    }
    for (int i = 0; i < to_middle_; ++i) {  // step 5
      builder_.backward(1);
      builder_.overlapped(1, 0);
    }
  }

  void drain() {
    const int num_rounds = depth_ + 1;
    bool split = false;
    for (int i = 0; i < num_rounds; ++i) {  // step 6: exactly depth + 1 of these backwards are split
      if (i == num_rounds / 2 && depth_ % 2 == 1) split = true;
      backward(1, split);
      if (i == num_rounds / 2 && depth_ % 2 == 0) split = true;
      backward(0, split);
    }
    for (int i = 0; i < to_middle_; ++i) {  // step 7
      builder_.weight();
      builder_.backward_input(0);
    }
    for (int i = 0; i < num_rounds; ++i) builder_.weight();  // step 8
  }

  void backward(int phase, bool split) {
    if (split) {
      builder_.backward_input(phase);
    } else {
      builder_.backward(phase);
    }
  }

  int num_ranks_;
  int microbatches_per_direction_;
  int depth_;
  int to_middle_;  // ranks between this one and the middle
  RankBuilder builder_;
};

}  // namespace

std::optional<std::string> dualpipe_fault(int num_ranks, int num_microbatches) {
  if (num_ranks < 2 || num_ranks % 2 != 0) {
    return "dualpipe needs an even number of pipeline ranks, at least 2, not " + std::to_string(num_ranks);
  }
  if (num_microbatches < 2 * num_ranks || num_microbatches % 2 != 0) {
    return "dualpipe on " + std::to_string(num_ranks) +
           " pipeline ranks needs an even number of microbatches, at least " + std::to_string(2 * num_ranks) +
           ", not " + std::to_string(num_microbatches);
  }
  return std::nullopt;
}

Program dualpipe(int num_ranks, int num_microbatches) {
  Program program{.schedule = "dualpipe",
                  .num_stages = num_ranks,
                  .num_directions = 2,
                  .num_microbatches = num_microbatches,
                  .ranks = {}};
  for (int rank = 0; rank < num_ranks; ++rank) {
    program.ranks.push_back(DualPipeRank(rank, num_ranks, num_microbatches / 2).build());
  }
  return program;
}

}  // namespace dsrun
