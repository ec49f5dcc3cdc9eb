// The actor around a CoordinatorCore: it broadcasts orders, hears progress out, and turns silence into a named cause.
//
// No end hangs: a device that dies is a fault; a wait that passed its deadline is explained by asking every device, for
// a moment, whom it waits for, and gives way to a real cause that arrives meanwhile; and when the job is over, devices
// that do not end within a grace time are given up.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/messages.hpp"

namespace dsrun {

struct CoordinatorSetup {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const BatchLoader> loader;
  StartState start;
  std::vector<caf::actor> devices;                         // by rank
  std::vector<std::shared_ptr<const DeviceSetup>> setups;  // by rank
  std::function<void(const SaveFinished&)> commit;         // see CoordinatorCore::commit_saves_with
  std::function<void(const Progressed&)> on_progress;      // on the coordinator's thread
  std::function<void(bool all_devices_ended)> on_end;      // the last thing that this actor does
};

class CoordinatorShell {
 public:
  using Self = caf::stateful_actor<CoordinatorShell>;
  static inline const char* name = "coordinator";

  explicit CoordinatorShell(Self* self) : self_(self) {}
  caf::behavior make_behavior(CoordinatorSetup setup);

 private:
  void start();
  template <class Event>
  void handle(Event event);  // an event is a call of the core that returns orders
  void hear_progress();
  void broadcast(const std::vector<Order>& orders);
  void on_fault(const DeviceFault& fault);
  void on_down(const caf::down_msg& message);
  void end();

  Self* self_;
  CoordinatorSetup setup_;
  std::optional<CoordinatorCore> core_;
  std::optional<DeviceFault> consequence_;  // the first; a cause may follow
  std::vector<WaitsReport> reports_;
  std::vector<bool> ended_;  // by rank
  bool stopping_ = false;    // StopOrder is sent
};

inline caf::behavior coordinator_actor(CoordinatorShell::Self* self, CoordinatorSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
