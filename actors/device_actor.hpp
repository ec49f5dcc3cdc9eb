// The actor around a DeviceCore: it carries messages and watches deadlines, and decides nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.hpp"

namespace dsrun {

class DeviceShell {
 public:
  using Self = caf::stateful_actor<DeviceShell>;
  static inline const char* name = "device";

  explicit DeviceShell(Self* self) : self_(self) {}
  caf::behavior make_behavior();

 private:
  void configure(const Configure& message);
  // Runs `work`; what it throws ends this device, told to the coordinator with `where` (empty: the core's last op).
  template <class Work>
  void guarded(const char* where, bool is_storage, Work work);
  template <class Work>
  void handle(Work work);  // guarded, then pumps
  void pump();
  void deliver();
  void check_deadline();
  void fail(DeviceFault fault);

  Self* self_;
  std::shared_ptr<const DeviceSetup> setup_;
  std::optional<DeviceCore> core_;
  std::vector<caf::actor> devices_;
  caf::actor coordinator_;
  bool continuing_ = false;  // a Continue is on its way
  bool failed_ = false;
  caf::actor_clock::time_point last_progress_;  // when an op last ran or a wait could have begun
};

inline caf::behavior device_actor(DeviceShell::Self* self) { return self->state.make_behavior(); }

}  // namespace dsrun
