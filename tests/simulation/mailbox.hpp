// Mailbox: what an actor hears while it is busy with a disk waits for it, in order.
#pragma once

#include <deque>
#include <utility>

#include "tests/simulation/world.hpp"

namespace dsrun::test {

class Mailbox {
 public:
  void hear(Happening happening) {
    waiting_.push_back(std::move(happening));
    work();
  }
  void begin_long_work() { busy_ = true; }
  void end_long_work() {
    busy_ = false;
    work();
  }
  bool is_busy() const { return busy_; }

 private:
  void work() {
    while (!busy_ && !waiting_.empty()) {
      const Happening next = std::move(waiting_.front());
      waiting_.pop_front();
      next();
    }
  }
  std::deque<Happening> waiting_;
  bool busy_ = false;
};

}  // namespace dsrun::test
