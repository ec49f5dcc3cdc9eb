#include "runtime/schedule/builders/dualpipe_rank.hpp"

#include <utility>

#include "runtime/schedule/builders/rank_builder.hpp"

namespace dsrun {
namespace {

class DualPipeRank {
 public:
  DualPipeRank(std::vector<Chunk> chunks, int depth, int half, int num_microbatches)
      : num_pairs_(num_microbatches - 2 * half + depth + 1),
        depth_(depth),
        to_middle_(half - 1 - depth),
        builder_(std::move(chunks)) {}

  RankProgram build() {
    fill();
    interleave();
    drain();
    return builder_.take();
  }

 private:
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
    for (int i = 0; i < num_pairs_; ++i) {  // step 4
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

  int num_pairs_;
  int depth_;
  int to_middle_;  // ranks between this one and the turning point
  RankBuilder builder_;
};

}  // namespace

RankProgram dualpipe_rank(std::vector<Chunk> chunks, int depth, int half, int num_microbatches) {
  return DualPipeRank(std::move(chunks), depth, half, num_microbatches).build();
}

}  // namespace dsrun
