// Tells ThreadSanitizer what Debian's CAF, which is not instrumented, orders between threads; linked into TSan builds
// alone. Without it every message would look like a race with its sender, in our code as well as in CAF's.
//
// These definitions take the place of CAF's, announce the order, and call CAF's. Three facts are announced: sending a
// message happens before handling it (per message, so that nothing else is ordered by it); an actor that shares threads
// is launched before it is resumed, and one turn of it ends before the next begins; and giving up a reference happens
// before the destruction by whoever gives up the last. To announce another, add a function of CAF's library.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>
#include <utility>

#include "actors/caf.hpp"

namespace {

template <class Function>
Function* in_caf(const char* symbol) {
  void* found = dlsym(RTLD_NEXT, symbol);
  if (!found) std::abort();  // another CAF: look its symbol up with nm -D
  return reinterpret_cast<Function*>(found);
}

}  // namespace

namespace caf {

void scheduled_actor::enqueue(mailbox_element_ptr message, execution_unit* host) {
  static auto* const original = in_caf<void(scheduled_actor*, mailbox_element_ptr, execution_unit*)>(
      "_ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_"
      "unitE");
  __tsan_release(message.get());
  original(this, std::move(message), host);
}

invoke_message_result scheduled_actor::consume(mailbox_element& message) {
  static auto* const original = in_caf<invoke_message_result(scheduled_actor*, mailbox_element&)>(
      "_ZN3caf15scheduled_actor7consumeERNS_15mailbox_elementE");
  __tsan_acquire(&message);
  return original(this, message);
}

void scheduled_actor::launch(execution_unit* host, bool lazy, bool hide) {
  static auto* const original = in_caf<void(scheduled_actor*, execution_unit*, bool, bool)>(
      "_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb");
  __tsan_release(this);
  original(this, host, lazy, hide);
}

resumable::resume_result scheduled_actor::resume(execution_unit* host, std::size_t max_throughput) {
  static auto* const original = in_caf<resumable::resume_result(scheduled_actor*, execution_unit*, std::size_t)>(
      "_ZN3caf15scheduled_actor6resumeEPNS_14execution_unitEm");
  __tsan_acquire(this);
  const auto result = original(this, host, max_throughput);
  __tsan_release(this);
  return result;
}

void intrusive_ptr_release(actor_control_block* actor) {
  static auto* const original =
      in_caf<void(actor_control_block*)>("_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE");
  __tsan_acquire(actor);
  __tsan_release(actor);
  original(actor);
}

void ref_counted::deref() const noexcept {
  static auto* const original = in_caf<void(const ref_counted*)>("_ZNK3caf11ref_counted5derefEv");
  auto* self = const_cast<ref_counted*>(this);
  __tsan_acquire(self);
  __tsan_release(self);
  original(this);
}

}  // namespace caf
