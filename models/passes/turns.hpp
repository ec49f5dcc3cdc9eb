// Turns: which of an instruction's two step lists runs next. The executor and the replay both use it, so that a
// forecast decides as a device does.
//
// Transfers start in the fixed order of interleave(). While the list that is due waits for a transfer, the other list
// may run its next step, unless that step starts a transfer.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "models/passes/steps.hpp"

namespace dsrun {

class Turns {
 public:
  Turns() = default;
  // The order of both lists' steps; without `may_run_ahead` it is kept strictly.
  Turns(std::vector<std::uint8_t> order, bool may_run_ahead)
      : order_(std::move(order)), may_run_ahead_(may_run_ahead) {}
  static Turns of(const StepList& first, const StepList& second, bool overlap) {
    if (overlap) return {interleave(first, second), true};
    std::vector<std::uint8_t> order(first.size(), 0);
    order.insert(order.end(), second.size(), 1);
    return {std::move(order), false};
  }

  // The list whose step is due: 0 or 1. Precondition: not all steps have run.
  int due() {
    while (ran_ahead_[order_[next_]] > 0) --ran_ahead_[order_[next_++]];
    return order_[next_];
  }
  bool may_run_ahead() const { return may_run_ahead_; }
  void took_turn() { ++next_; }
  void ran_ahead(int list) { ++ran_ahead_[static_cast<std::size_t>(list)]; }

 private:
  std::vector<std::uint8_t> order_;
  bool may_run_ahead_ = false;
  std::size_t next_ = 0;
  std::array<int, 2> ran_ahead_{0, 0};  // steps that a list ran before its turn
};

}  // namespace dsrun
