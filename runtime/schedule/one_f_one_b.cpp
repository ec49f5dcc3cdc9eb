// 1F1B: after a warm-up of one forward per later stage, each rank alternates one forward and one backward, so that it
// holds at most P - rank microbatches, whatever M is. Source: PipeDream-Flush, Narayanan et al., arXiv:2104.04473.
#include <algorithm>

#include "runtime/schedule/builders.hpp"
#include "runtime/schedule/rank_builder.hpp"

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

std::optional<std::string> one_f_one_b_fault(int num_ranks, int num_microbatches) {
  if (num_ranks < 1) return "1f1b needs at least 1 pipeline rank, not " + std::to_string(num_ranks);
  if (num_microbatches < 1) return "1f1b needs at least 1 microbatch, not " + std::to_string(num_microbatches);
  return std::nullopt;
}

Program one_f_one_b(int num_ranks, int num_microbatches) {
  Program program{.schedule = "1f1b",
                  .num_stages = num_ranks,
                  .num_directions = 1,
                  .num_microbatches = num_microbatches,
                  .ranks = {}};
  for (int rank = 0; rank < num_ranks; ++rank) program.ranks.push_back(build_rank(rank, num_ranks, num_microbatches));
  return program;
}

}  // namespace dsrun
