// The actor around a DeviceCore: it carries messages and watches deadlines, and decides nothing.
//
// Where the job emulates a link, the sender says when a message arrives (cluster/traffic/link.hpp) and the receiver
// holds it until then: it looks between ops, and when there is nothing to run it has itself woken at the next arrival.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "actors/device_setup.hpp"
#include "actors/in_flight.hpp"
#include "actors/messages/job.hpp"
#include "cluster/traffic/link.hpp"

namespace dsrun {

class DeviceShell {
 public:
  using Self = caf::stateful_actor<DeviceShell>;
  static inline const char* name = "device";

  explicit DeviceShell(Self* self) : self_(self) {}
  caf::behavior make_behavior();

 private:
  void configure(const Configure& message);
  void leave_membership();  // ends what belongs to the former membership
  // Runs `work`. What it throws ends this device; the coordinator gets the fault with `where` (empty: the core's last
  // op).
  template <class Work>
  void guarded(const char* where, FaultCause cause, Work work);
  template <class Work>
  void handle(Work work);  // guarded, then pumps
  void pump();
  void deliver();
  void put_on_wire(Outgoing& outgoing);
  void receive(TensorMessage message);
  void land();  // hands over what has arrived
  void wake_at_arrival();
  std::int64_t now_ns() const;  // by the actors' clock, which a test moves; else CLOCK_MONOTONIC, like the core's
  void check_deadline();
  void on_link_lost(const LinkLost& lost);
  DeviceFault fault_at(std::string op, FaultCause cause) const;
  void fail(DeviceFault fault);

  Self* self_;
  std::shared_ptr<const DeviceSetup> setup_;
  std::optional<DeviceCore> core_;
  std::vector<caf::actor> devices_;
  caf::actor coordinator_;
  int num_configured_ = 0;
  bool continuing_ = false;  // a Continue is on its way
  bool failed_ = false;
  std::optional<LinkPorts> ports_;              // of an emulated link
  InFlight in_flight_;                          // to this device
  std::int64_t wake_ns_ = 0;                    // of the Arrival on its way; 0: none is on its way
  caf::actor_clock::time_point last_progress_;  // when an op last ran or a wait could have begun
};

inline caf::behavior device_actor(DeviceShell::Self* self) { return self->state.make_behavior(); }

}  // namespace dsrun
