#include "tests/simulation/disk/fiber.hpp"

#include <cstdint>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace dsrun::test {
namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;
Fiber* running_fiber = nullptr;

// AddressSanitizer has to hear of every change of stacks.
void leaving([[maybe_unused]] void** own, [[maybe_unused]] const void* to, [[maybe_unused]] std::size_t size) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(own, to, size);
#endif
}
void arrived([[maybe_unused]] void* own, [[maybe_unused]] const void** from, [[maybe_unused]] std::size_t* size) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(own, from, size);
#endif
}

}  // namespace

Fiber::Fiber(std::function<void()> work) : work_(std::move(work)) {}

Fiber::~Fiber() {
  if (over_ || !stack_) return;
  abandoned_ = true;
  switch_in();
}

void Fiber::enter(unsigned low, unsigned high) {
  reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(low) | static_cast<std::uintptr_t>(high) << 32)->run();
}

void Fiber::run() {
  arrived(nullptr, &outside_stack_, &outside_size_);
  try {
    work_();
  } catch (const Abandoned&) {
  } catch (...) {
    thrown_ = std::current_exception();
  }
  over_ = true;
  switch_out(true);
}

void Fiber::switch_in() {
  if (!stack_) {
    stack_.reset(new char[stack_bytes]);
    getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_.get();
    inside_.uc_stack.ss_size = stack_bytes;
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self),
                static_cast<unsigned>(self >> 32));
  }
  within_ = std::exchange(running_fiber, this);
  void* own = nullptr;
  leaving(&own, stack_.get(), stack_bytes);
  swapcontext(&outside_, &inside_);
  arrived(own, nullptr, nullptr);
  running_fiber = within_;
}

void Fiber::switch_out(bool for_good) {
  void* own = nullptr;
  leaving(for_good ? nullptr : &own, outside_stack_, outside_size_);
  swapcontext(&inside_, &outside_);
  arrived(own, &outside_stack_, &outside_size_);
}

bool Fiber::resume() {
  if (over_) return false;
  switch_in();
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  return !over_;
}

void Fiber::pause() {
  Fiber* const self = running_fiber;
  if (self == nullptr) return;
  self->switch_out(false);
  if (self->abandoned_) throw Abandoned{};
}

}  // namespace dsrun::test
