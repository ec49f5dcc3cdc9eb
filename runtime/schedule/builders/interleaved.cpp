// Interleaved 1F1B: a rank holds v stages, each 1/v as large, P stages apart, so that the bubble is 1/v of 1F1B's; it
// pays with more messages and more live microbatches. Source: Narayanan et al., arXiv:2104.04473, section 2.2; the
// order is that of Megatron-LM: microbatches go in groups of P, a group through one stage after the other.
#include <algorithm>

#include "runtime/schedule/builders/builders.hpp"
#include "runtime/schedule/builders/rank_builder.hpp"

namespace dsrun {
namespace {

// Forwards before the first backward: those of the stages before the rank's last, and two per later rank, for one
// microbatch's way to the end and back.
int num_warmup(const ScheduleShape& shape, int rank) {
  const int all = shape.num_microbatches * shape.stages_per_rank;
  return std::min(all, (shape.stages_per_rank - 1) * shape.num_ranks + 2 * (shape.num_ranks - 1 - rank));
}

RankProgram build_rank(const ScheduleShape& shape, int rank) {
  std::vector<Chunk> chunks;
  for (int phase = 0; phase < shape.stages_per_rank; ++phase)
    chunks.push_back({.stage = phase * shape.num_ranks + rank, .direction = 0});
  RankBuilder builder(std::move(chunks));
  const auto phase_of = [&](int at) { return at / shape.num_ranks % shape.stages_per_rank; };
  const auto forward = [&](int at) { builder.forward(phase_of(at)); };
  const auto backward = [&](int at) { builder.backward(shape.stages_per_rank - 1 - phase_of(at)); };

  const int warmup = num_warmup(shape, rank), all = shape.num_microbatches * shape.stages_per_rank;
  for (int at = 0; at < warmup; ++at) forward(at);
  for (int at = warmup; at < all; ++at) {
    forward(at);
    backward(at - warmup);
  }
  for (int at = all - warmup; at < all; ++at) backward(at);
  return builder.take();
}

}  // namespace

std::optional<std::string> interleaved_fault(const ScheduleShape& shape) {
  if (shape.num_microbatches % shape.num_ranks == 0) return std::nullopt;
  return "interleaved on " + std::to_string(shape.num_ranks) + " pipeline ranks needs a multiple of " +
         std::to_string(shape.num_ranks) + " microbatches, not " + std::to_string(shape.num_microbatches);
}

Program interleaved(const ScheduleShape& shape) {
  return program_of("interleaved", shape.num_ranks * shape.stages_per_rank, 1, shape,
                    [&](int rank) { return build_rank(shape, rank); });
}

LiveBound interleaved_bound(const ScheduleShape& shape, int rank) {
  return {std::min(num_warmup(shape, rank) + 1, shape.num_microbatches * shape.stages_per_rank), 0};
}

}  // namespace dsrun
