// RankBuilder: writes one rank's instructions in a schedule's own words. It numbers the microbatches of each phase and
// keeps the FIFO of deferred weight work. So a schedule's builder reads like the paper's list of steps.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "runtime/schedule/program.hpp"

namespace dsrun {

class RankBuilder {
 public:
  explicit RankBuilder(std::vector<Chunk> chunks)
      : next_forward_(chunks.size(), 0), next_backward_(chunks.size(), 0), rank_{std::move(chunks), {}} {}

  void forward(int phase) { add(next_forward(phase)); }
  void backward(int phase) { add(next_backward(phase, Kind::backward)); }

  // Defers the weight gradient: a later weight() names the same phase and microbatch.
  void backward_input(int phase) {
    const Half half = next_backward(phase, Kind::backward_input);
    deferred_.push_back(half);
    add(half);
  }

  // Precondition: something is deferred.
  void weight() {
    Half half = deferred_.front();
    deferred_.pop_front();
    half.kind = Kind::weight;
    add(half);
  }

  void overlapped(int forward_phase, int backward_phase) {
    const Half forward_half = next_forward(forward_phase);
    rank_.instructions.push_back({forward_half, next_backward(backward_phase, Kind::backward)});
  }

  RankProgram take() { return std::move(rank_); }

 private:
  Half next_forward(int phase) { return {Kind::forward, static_cast<std::uint8_t>(phase), next_forward_[phase]++}; }
  Half next_backward(int phase, Kind kind) { return {kind, static_cast<std::uint8_t>(phase), next_backward_[phase]++}; }
  void add(Half half) { rank_.instructions.push_back({half, std::nullopt}); }

  std::vector<int> next_forward_;   // by phase
  std::vector<int> next_backward_;  // by phase
  std::deque<Half> deferred_;
  RankProgram rank_;
};

}  // namespace dsrun
