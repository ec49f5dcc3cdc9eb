// Fiber: work that a simulation runs in pieces, so that several writers of a disk interleave. All are of one thread:
// what happens depends on the order of resume() alone.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

#include <ucontext.h>

namespace dsrun::test {

class Fiber {
 public:
  explicit Fiber(std::function<void()> work);
  ~Fiber();  // work that is not over ends at its pause, as a killed process does
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs until the next pause(). False: the work is over. Throws what the work threw.
  bool resume();
  // Gives way, from within the work of the fiber that now runs; outside of any it does nothing.
  static void pause();

 private:
  struct Abandoned {};
  static void enter(unsigned low, unsigned high);
  void run();
  void switch_in();
  void switch_out(bool for_good);

  std::function<void()> work_;
  std::unique_ptr<char[]> stack_;
  ucontext_t inside_{}, outside_{};
  std::exception_ptr thrown_;
  bool over_ = false, abandoned_ = false;
  Fiber* within_ = nullptr;  // which other fiber resumed this one
  // AddressSanitizer's view of the stack that resumed this one.
  const void* outside_stack_ = nullptr;
  std::size_t outside_size_ = 0;
};

}  // namespace dsrun::test
