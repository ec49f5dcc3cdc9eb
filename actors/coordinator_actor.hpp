// The actor around a CoordinatorCore: it broadcasts orders, hears progress out, and turns silence into a named cause.
//
// No end hangs: a device that dies is a fault; a wait that passed its deadline, and the loss of a process, are
// explained by asking every device, for a moment, whom it waits for, and give way to a real cause that arrives
// meanwhile; a device whose actor answers nothing for long, though its process lives, is a fault too; and when the job
// is over, devices that do not end within a grace time are given up.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/messages/messages.hpp"

namespace dsrun {

inline constexpr const char* own_actor = "its actor";

// Whom the coordinator gives its orders: a device, or a host's agent that passes them on to its devices.
struct Member {
  caf::actor actor;
  std::vector<int> ranks;
  std::string name = own_actor;  // of whose end a fault tells: "the agent of host b"
};

struct CoordinatorSetup {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const BatchLoader> loader;
  StartState start;
  std::vector<Member> members;  // in rank order
  // Tells the members who the coordinator is and what to set up; each rank then says Ready.
  std::function<void(const caf::actor& coordinator)> begin;
  std::function<void(const SaveFinished&)> commit;     // see CoordinatorCore::commit_saves_with
  std::function<void(const Progressed&)> on_progress;  // on the coordinator's thread
  std::function<void(bool all_devices_ended)> on_end;  // the last thing that this actor does
};

// A CoordinatorSetup::begin for devices of this process, both by rank.
void introduce(const std::vector<caf::actor>& devices, const std::vector<std::shared_ptr<const DeviceSetup>>& setups,
               const caf::actor& coordinator);

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
  void look_for_silence();
  void heard(int rank);
  std::chrono::nanoseconds peer_timeout() const;
  void end();

  Self* self_;
  CoordinatorSetup setup_;
  std::optional<CoordinatorCore> core_;
  bool all_ended() const;

  std::optional<DeviceFault> unexplained_;  // a wait, or better a loss; a cause may follow
  std::vector<WaitsReport> reports_;
  std::vector<bool> ended_;                          // by member
  std::vector<caf::actor_clock::time_point> heard_;  // by rank: of its actor last
  bool stopping_ = false;                            // StopOrder is sent
};

inline caf::behavior coordinator_actor(CoordinatorShell::Self* self, CoordinatorSetup setup) {
  return self->state.make_behavior(std::move(setup));
}

}  // namespace dsrun
