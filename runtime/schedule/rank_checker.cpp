#include "runtime/schedule/rank_checker.hpp"

#include <algorithm>
#include <deque>

namespace dsrun {
namespace {

class RankChecker {
 public:
  RankChecker(const Program& program, int index, bool forward_only)
      : rank_(program.ranks[index]),
        index_(index),
        num_microbatches_(program.microbatches_per_direction()),
        forward_only_(forward_only),
        forwards_(rank_.chunks.size(), std::vector<int>(num_microbatches_, 0)),
        backwards_(forwards_) {}

  std::vector<ProgramFault> check() {
    for (at_ = 0; at_ < std::ssize(rank_.instructions); ++at_) check_instruction(rank_.instructions[at_]);
    for (std::size_t phase = 0; phase < rank_.chunks.size(); ++phase) check_complete(static_cast<std::uint8_t>(phase));
    for (const Deferred& entry : deferred_) {
      at_ = entry.instruction;
      fault("its weight gradient never follows");
    }
    return std::move(faults_);
  }

 private:
  struct Deferred {
    std::uint8_t phase;
    int microbatch;
    int instruction;
  };

  void check_instruction(const Instruction& instruction) {
    const auto& [first, overlapped] = instruction;
    if (overlapped) {
      if (first.kind != Kind::forward || overlapped->kind != Kind::backward || first.phase == overlapped->phase) {
        fault("only a forward and the full backward of another phase can be interleaved");
      }
    }
    check_half(first);
    if (overlapped) check_half(*overlapped);
  }

  void check_half(const Half& half) {
    if (half.phase >= rank_.chunks.size()) return fault("the rank has no phase " + std::to_string(half.phase));
    if (half.microbatch < 0 || half.microbatch >= num_microbatches_) {
      return fault("there is no microbatch " + std::to_string(half.microbatch) + " among " +
                   std::to_string(num_microbatches_));
    }
    if (forward_only_ && half.kind != Kind::forward) return fault("a forward-only program only forwards");
    switch (half.kind) {
      case Kind::forward:
        if (forwards_[half.phase][half.microbatch]++ > 0) fault("a second forward");
        return;
      case Kind::backward:
        return check_backward(half);
      case Kind::backward_input:
        check_backward(half);
        deferred_.push_back({half.phase, half.microbatch, at_});
        return;
      case Kind::weight:
        return check_weight(half);
    }
    fault("no such kind of instruction");
  }

  void check_backward(const Half& half) {
    if (forwards_[half.phase][half.microbatch] == 0) fault("a backward before its forward");
    if (backwards_[half.phase][half.microbatch]++ > 0) fault("a second backward");
  }

  void check_weight(const Half& half) {
    const auto is_same = [&](const Deferred& entry) {
      return entry.phase == half.phase && entry.microbatch == half.microbatch;
    };
    const auto entry = std::find_if(deferred_.begin(), deferred_.end(), is_same);
    if (entry == deferred_.end()) return fault("a weight gradient without a deferred input gradient before it");
    if (entry != deferred_.begin()) {
      fault("the head of the FIFO is " + to_string(rank_.instructions[deferred_.front().instruction]));
    }
    deferred_.erase(entry);
  }

  void check_complete(std::uint8_t phase) {
    at_ = static_cast<int>(rank_.instructions.size());
    for (int microbatch = 0; microbatch < num_microbatches_; ++microbatch) {
      if (forwards_[phase][microbatch] == 0) fault_missing({Kind::forward, phase, microbatch});
      if (backwards_[phase][microbatch] == 0 && !forward_only_) fault_missing({Kind::backward, phase, microbatch});
    }
  }

  void fault_missing(const Half& half) { fault(to_string(Instruction{half, std::nullopt}) + " is missing"); }

  void fault(const std::string& what) {
    const bool at_end = at_ == std::ssize(rank_.instructions);
    faults_.push_back({index_, at_,
                       "rank " + std::to_string(index_) + ", instruction " + std::to_string(at_) + " (" +
                           (at_end ? "the end" : to_string(rank_.instructions[at_])) + "): " + what});
  }

  const RankProgram& rank_;
  int index_;
  int num_microbatches_;
  bool forward_only_;
  int at_ = 0;                              // the instruction that a fault is about
  std::vector<std::vector<int>> forwards_;  // how often: phase × microbatch
  std::vector<std::vector<int>> backwards_;
  std::deque<Deferred> deferred_;
  std::vector<ProgramFault> faults_;
};

}  // namespace

std::vector<ProgramFault> check_rank(const Program& program, int rank, bool forward_only) {
  return RankChecker(program, rank, forward_only).check();
}

}  // namespace dsrun
